// Ids are long so that they are unique; in a sentence a part of them is enough.

const LONG =
  /(?:instance-)?([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:\._app\.\d+)?/g;

const UNIQUE =
  /([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:\.([a-z0-9][a-z0-9-]*)\.\d+)?/;

/** What is unique among the tasks of one owner: of `web.instance-4f1c9a2e-…._app.1` it is `4f1c9a2e`,
 * of a pod's container `4f1c9a2e side`. */
export function shortId(task: string): string {
  const found = UNIQUE.exec(task);
  return found ? [found[1], found[2]].filter(Boolean).join(" ") : task;
}

/** `web.instance-4f1c9a2e-…._app.1` as `web.4f1c9a2e`, wherever it stands in a sentence. */
export function briefly(sentence: string): string {
  return sentence.replace(LONG, "$1");
}
