import "./diff.css";
import { diffJson, withContext } from "../lib/diff";

const SIGNS = { same: "  ", added: "+ ", removed: "- " } as const;

/** What changed between two documents, by lines of their sorted JSON. */
export function Diff({ before, after, label }: { before: unknown; after: unknown; label: string }) {
  const lines = withContext(diffJson(before, after));
  if (lines.length === 0) return <p class="muted">Nothing differs.</p>;
  return (
    <div class="diff" role="region" aria-label={label} tabIndex={0}>
      {lines.map((line, i) =>
        line === undefined ? (
          <div key={i} class="gap">
            ⋯
          </div>
        ) : (
          <div key={i} class={line.kind}>
            {SIGNS[line.kind]}
            {line.text}
          </div>
        ),
      )}
    </div>
  );
}
