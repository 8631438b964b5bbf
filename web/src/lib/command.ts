// What a job runs, as one line for people. Pure.

import type { Definition } from "../api/types";

/** Bare, or as a shell would want it. */
const word = (text: string) => (/^[\w./:=,+@%-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);

/** The command with its arguments: a shell reads what is put together of them, a program gets each as it is. */
export function commandWords(job: Definition): string {
  const given = Array.isArray(job["arguments"]) ? (job["arguments"] as unknown[]).map(String) : [];
  return [String(job["command"] ?? ""), ...(job["shell"] === false ? given.map(word) : given)].join(" ").trim();
}
