// Addresses of the pages. Pure. In our links a dot is a file's (router.ts): `.` in an id is written `~`,
// and `~` itself `%7E`. Typed by hand it may be either.

export function encodeId(id: string): string {
  return id
    .replace(/^\//, "")
    .split("/")
    .map((part) => encodeURIComponent(part).replace(/~/g, "%7E").replace(/\./g, "~"))
    .join("/");
}

export function decodeId(path: string): string {
  return path
    .split("/")
    .map((part) => decodeURIComponent(part.replace(/~/g, ".")))
    .join("/");
}

const NOUN_PAGES: Record<string, (id: string) => string> = {
  app: (id) => `apps/${encodeId(id)}`,
  job: (id) => `jobs/${encodeURIComponent(id).replace(/~/g, "%7E").replace(/\./g, "~")}`,
  calendar: (id) => `calendars/${encodeId(id)}`,
  node: (id) => `nodes/${encodeId(id)}`,
  task: (id) => `tasks/${encodeId(id)}`,
  service: () => "traffic",
};

/** The page of a thing, relative to /ui/; undefined when it has none. */
export function pageOf(noun: string, id: string): string | undefined {
  return NOUN_PAGES[noun]?.(id);
}

/** A run has a number, and events of it its job's name. */
export function pageOfRun(id: string | number): string {
  return `runs/${id}`;
}

export interface Match {
  page: string; // the first segment; "" for the overview
  id: string | undefined; // what follows it, decoded
}

/** `/ui/apps/shop/web` as page `apps`, id `shop/web`. */
export function match(pathname: string): Match {
  const path = pathname.replace(/^\/ui\/?/, "").replace(/\/+$/, "");
  const slash = path.indexOf("/");
  if (slash < 0) return { page: path, id: undefined };
  try {
    return { page: path.slice(0, slash), id: decodeId(path.slice(slash + 1)) };
  } catch {
    return { page: path.slice(0, slash), id: path.slice(slash + 1) };
  }
}
