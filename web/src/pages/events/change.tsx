import type { Change } from "../../api/types";
import { pageOf } from "../../app/path";
import { briefly } from "../../lib/ids";

/** The sentence of a change, as a link to what it is about if that has a page. */
export function changeLink({ noun, name, text, what }: Change) {
  const words = briefly(text) || `${noun} ${name}: ${what}`;
  const page = what === "delete" ? undefined : pageOf(noun, name);
  if (!page) return words;
  return (
    <a class="plain" href={page}>
      {words}
    </a>
  );
}
