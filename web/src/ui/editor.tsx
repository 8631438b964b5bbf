// A document as text: JSON with line numbers, on which the server's problems stand at their lines.

import "./editor.css";
import { useRef } from "preact/hooks";
import type { Problem } from "../api/client";
import { lineOf } from "../lib/pointer";

interface EditorProps {
  label: string;
  text: string;
  problems: Problem[];
  onInput: (text: string) => void;
}

/** Where in the text a line begins and ends. */
function rangeOf(text: string, line: number): [number, number] {
  const lines = text.split("\n");
  const start = lines.slice(0, line).reduce((sum, before) => sum + before.length + 1, 0);
  return [start, start + (lines[line]?.length ?? 0)];
}

export function Editor({ label, text, problems, onInput }: EditorProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  const lines = text.split("\n");
  const wrong = new Set(problems.map(({ path }) => lineOf(text, path)));
  const show = (path: string) => {
    area.current!.focus();
    area.current!.setSelectionRange(...rangeOf(text, lineOf(text, path)));
  };
  return (
    <>
      <div class="editor">
        <div class="gutter" aria-hidden="true">
          {lines.map((_, i) => (
            <div key={i} class={wrong.has(i) ? "wrong" : undefined}>
              {i + 1}
            </div>
          ))}
        </div>
        <textarea
          ref={area}
          aria-label={label}
          aria-invalid={problems.length > 0}
          rows={lines.length}
          value={text}
          spellcheck={false}
          autocapitalize="off"
          autocomplete="off"
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      </div>
      {problems.length > 0 && (
        <ul class="problems problem-text">
          {problems.map(({ path, errors }) => (
            <li key={path}>
              <button type="button" onClick={() => show(path)}>
                {path || "/"}
              </button>{" "}
              {errors.join("; ")}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
