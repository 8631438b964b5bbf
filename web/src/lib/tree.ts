// The groups of apps: a tree made of the paths, with what stands below summed up. Pure.

export interface Leaf {
  id: string; // absolute: /shop/web
  state: string;
  instances: number;
  running: number;
}

export interface Group {
  path: string; // /shop
  depth: number;
  apps: number;
  instances: number;
  running: number;
  worst: string; // the state that most wants to be seen
}

export type Row<T extends Leaf> =
  | { kind: "group"; key: string; group: Group; open: boolean }
  | { kind: "app"; key: string; depth: number; app: T };

const WORST_FIRST = ["unhealthy", "waiting", "deploying", "running", "suspended"];

function parentsOf(id: string): string[] {
  const parts = id.split("/").slice(1, -1);
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join("/")}`);
}

/** Every group there is, for closing them all. */
export function groupPaths(apps: Leaf[]): Set<string> {
  return new Set(apps.flatMap(({ id }) => parentsOf(id)));
}

function worse(a: string, b: string): string {
  return WORST_FIRST.indexOf(a) <= WORST_FIRST.indexOf(b) ? a : b;
}

/** The tree as the rows of a table; what is below a closed group is left out. */
export function treeRows<T extends Leaf>(apps: T[], closed: ReadonlySet<string>): Row<T>[] {
  const groups = new Map<string, Group>();
  for (const app of apps)
    parentsOf(app.id).forEach((path, depth) => {
      const group = groups.get(path);
      if (!group) {
        const { instances, running, state } = app;
        groups.set(path, { path, depth, apps: 1, instances, running, worst: state });
        return;
      }
      group.apps++;
      group.instances += app.instances;
      group.running += app.running;
      group.worst = worse(group.worst, app.state);
    });

  const rows: Row<T>[] = [];
  const opened = new Set<string>();
  const byPath = [...apps].sort((a, b) => (sortKey(a.id) < sortKey(b.id) ? -1 : 1));
  for (const app of byPath) {
    const parents = parentsOf(app.id);
    let hidden = false;
    for (const path of parents) {
      if (hidden) break;
      const open = !closed.has(path);
      if (!opened.has(path)) rows.push({ kind: "group", key: `${path}/`, group: groups.get(path)!, open });
      opened.add(path);
      hidden = !open;
    }
    if (!hidden) rows.push({ kind: "app", key: app.id, depth: parents.length, app });
  }
  return rows;
}

/** Groups before the apps beside them, each by name. */
function sortKey(id: string): string {
  const parts = id.split("/").slice(1);
  const name = parts.pop();
  return `${parts.map((part) => `\u0001${part}`).join("")}\u0002${name}`;
}
