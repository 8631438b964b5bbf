// Ids are long so that they are unique; in a sentence a part of them is enough.

const LONG =
  /(?:instance-)?([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:\._app\.\d+)?/g;

/** `web.instance-4f1c9a2e-…._app.1` as `web.4f1c9a2e`, wherever it stands in a sentence. */
export function briefly(sentence: string): string {
  return sentence.replace(LONG, "$1");
}
