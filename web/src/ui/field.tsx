// Form fields. Each shows what the server said of it; nothing is checked here that the server checks.

import "./field.css";
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Icon } from "./icon";

interface FieldProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
  hint?: ComponentChildren;
  problems?: string[];
  number?: boolean;
  mono?: boolean;
  wide?: boolean;
  autofocus?: boolean;
  placeholder?: string;
}

export function TextField(props: FieldProps) {
  const id = useId();
  const problems = props.problems ?? [];
  return (
    <div class={props.wide ? "field wide" : "field"}>
      <label for={id}>{props.label}</label>
      <input
        id={id}
        class={props.mono ? "input mono" : "input"}
        value={props.value}
        inputMode={props.number ? "decimal" : undefined}
        placeholder={props.placeholder}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        aria-invalid={problems.length > 0}
        aria-describedby={describedBy(id, props.hint, problems)}
        data-autofocus={props.autofocus}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
      <Below id={id} hint={props.hint} problems={problems} />
    </div>
  );
}

function describedBy(id: string, hint: ComponentChildren, problems: string[]): string | undefined {
  return [hint && `${id}-hint`, problems.length > 0 && `${id}-problem`].filter(Boolean).join(" ") || undefined;
}

function Below({ id, hint, problems }: { id: string; hint: ComponentChildren; problems: string[] }) {
  return (
    <>
      {hint && (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
      {problems.length > 0 && (
        <span class="problem" id={`${id}-problem`}>
          {problems.join("; ")}
        </span>
      )}
    </>
  );
}

interface LinesProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
  hint?: ComponentChildren;
  problems?: string[];
}

/** A text of several lines. */
export function LinesField({ label, value, onInput, hint, problems = [] }: LinesProps) {
  const id = useId();
  return (
    <div class="field wide">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        class="input mono"
        rows={4}
        spellcheck={false}
        value={value}
        aria-invalid={problems.length > 0}
        aria-describedby={describedBy(id, hint, problems)}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      <Below id={id} hint={hint} problems={problems} />
    </div>
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  value: T;
  options: { value: T; text: string }[];
  onChange: (value: T) => void;
}

/** A few values, all of them in sight. */
export function Choice<T extends string>({ label, value, options, onChange }: ChoiceProps<T>) {
  return (
    <div class="choice" role="group" aria-label={label}>
      {options.map((option) => (
        <button
          type="button"
          key={option.value}
          aria-pressed={option.value === value}
          onClick={() => onChange(option.value)}
        >
          {option.text}
        </button>
      ))}
    </div>
  );
}

export function Select({ label, value, options, onChange }: ChoiceProps<string>) {
  return (
    <select class="input select" aria-label={label} value={value} onChange={(e) => onChange(e.currentTarget.value)}>
      {options.map((option) => (
        <option key={option.value} value={option.value}>
          {option.text}
        </option>
      ))}
    </select>
  );
}

interface SearchProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
  onKeyDown?: (event: KeyboardEvent) => void;
}

/** The page's search field: `/` goes to it, Escape leaves it. */
export function Search({ label, value, onInput, onKeyDown }: SearchProps) {
  const keyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") (event.currentTarget as HTMLElement).blur();
    onKeyDown?.(event);
  };
  return (
    <div class="search">
      <Icon name="search" />
      <input
        class="input"
        type="search"
        aria-label={label}
        placeholder={label}
        value={value}
        autocomplete="off"
        spellcheck={false}
        data-search
        onInput={(event) => onInput(event.currentTarget.value)}
        onKeyDown={keyDown}
      />
    </div>
  );
}
