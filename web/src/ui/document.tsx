// Editing a definition: a form and JSON are two views of one document. Fields that the form does not
// know are kept. What will change is shown before it is saved; the server's problems stand at their
// fields.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { ApiError, type Problem } from "../api/client";
import type { Definition } from "../api/types";
import { diffJson, pretty } from "../lib/diff";
import { variables } from "../lib/lines";
import { listed, members } from "../lib/pairs";
import { get, segments, set } from "../lib/pointer";
import { Button, Buttons } from "./button";
import { Diff } from "./diff";
import { Editor } from "./editor";
import { Choice, LinesField, TextField } from "./field";
import { Bar, Note, Stack } from "./page";

export interface FormField {
  path: string;
  label: string;
  number?: boolean;
  list?: boolean; // texts, with commas between
  lines?: boolean; // a text of several lines
  pairs?: "members" | "list"; // texts by their names, a line each, of an object or of {name, value}; all else is kept
  hint?: string;
  wide?: boolean;
  more?: boolean; // seldom wanted: folded away until it has a problem
}

interface DocumentProps {
  label: string;
  fields: FormField[] | ((doc: Definition) => FormField[]); // which, may be the document's to say
  before: Definition | undefined; // undefined: something new
  start: Definition; // what the editor shows at first
  below?: (doc: Definition) => ComponentChildren; // what is to be said of it
  verb: string; // on the button
  save: (doc: Definition) => Promise<unknown>;
  saved: (doc: Definition) => void;
}

type View = "form" | "json";

/** The document, or why the text is none. */
function parsed(text: string): Definition | string {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Definition)
      : "a definition is an object: { … }";
  } catch (error) {
    return (error as Error).message;
  }
}

const normal = (path: string) => segments(path).join("/");

export function DocumentEditor({ label, fields, before, start, below, verb, save, saved }: DocumentProps) {
  const view = useSignal<View>("form");
  const text = useSignal(pretty(start));
  const problems = useSignal<Problem[]>([]);
  const failure = useSignal<ApiError | undefined>(undefined);
  const busy = useSignal(false);

  const doc = useMemo(() => parsed(text.value), [text.value]);
  const broken = typeof doc === "string";
  const changed = before === undefined || broken || diffJson(before, doc).some(({ kind }) => kind !== "same");
  const edit = (next: string) => {
    text.value = next;
    problems.value = [];
    failure.value = undefined;
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    if (broken || !changed || busy.value) return;
    busy.value = true;
    problems.value = [];
    failure.value = undefined;
    try {
      await save(doc);
      saved(doc);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      problems.value = error.problems;
      failure.value = error;
    } finally {
      busy.value = false;
    }
  };

  return (
    <form onSubmit={(event) => void submit(event)} aria-label={label}>
      <Stack>
        <Bar>
          <Choice<View>
            label="View"
            value={view.value}
            options={[
              { value: "form", text: "Form" },
              { value: "json", text: "JSON" },
            ]}
            onChange={(next) => (view.value = next)}
          />
        </Bar>
        {view.value === "form" && broken && <Note kind="warn">The text is no JSON yet: {doc}</Note>}
        {view.value === "form" && !broken && (
          <Form fields={typeof fields === "function" ? fields(doc) : fields} doc={doc} problems={problems.value} onChange={(next) => edit(pretty(next))} />
        )}
        {view.value === "json" && (
          <Editor label={`${label} as JSON`} text={text.value} problems={problems.value} onInput={edit} />
        )}
        {view.value === "json" && broken && <p class="problem-text">{doc}</p>}
        {!broken && below?.(doc)}
        {failure.value && (
          <div role="alert">
            <Note kind="bad">
              {problems.value.length > 0 ? "It is not saved: look at what is marked above." : failure.value.message}
              {failure.value.advice && <div class="muted">Try: {failure.value.advice}</div>}
            </Note>
          </div>
        )}
        {before !== undefined && !broken && changed && (
          <div>
            <h2>What will change</h2>
            <Diff before={before} after={doc} label="What will change" />
          </div>
        )}
        <Buttons>
          <Button type="submit" kind="primary" disabled={broken || !changed || busy.value}>
            {busy.value ? "Saving …" : verb}
          </Button>
          {before !== undefined && changed && <Button onClick={() => edit(pretty(before))}>Discard</Button>}
        </Buttons>
      </Stack>
    </form>
  );
}

interface FormProps {
  fields: FormField[];
  doc: Definition;
  problems: Problem[];
  onChange: (doc: Definition) => void;
}

/** What is typed as a number is one if it can be; else the server says what it needs. */
function typed(field: FormField, text: string): unknown {
  if (text === "") return undefined;
  if (field.list) return text.split(",").map((item) => item.trim()).filter((item) => item !== "");
  return field.number && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/** Of pairs and of lists each has a path of its own. */
function isOf({ path: its, pairs, list }: FormField, { path }: Problem): boolean {
  return normal(path) === normal(its) || ((pairs !== undefined || list === true) && normal(path).startsWith(`${normal(its)}/`));
}

function Form({ fields, doc, problems, onChange }: FormProps) {
  const opened = useSignal(false);
  const others = problems.filter((problem) => !fields.some((field) => isOf(field, problem)));
  const ofField = (field: FormField) => problems.filter((problem) => isOf(field, problem)).flatMap(({ errors }) => errors);
  const input = (field: FormField) => {
    const change = (value: unknown) => onChange(set(doc, field.path, value) as Definition);
    const value = get(doc, field.path);
    const Input = field.pairs ? PairsInput : FormInput;
    return <Input key={field.path} field={field} value={value} problems={ofField(field)} onChange={change} />;
  };
  const more = fields.filter((field) => field.more);
  const marked = more.some((field) => ofField(field).length > 0);
  return (
    <>
      <div class="fields">{fields.filter((field) => !field.more).map(input)}</div>
      {more.length > 0 && (
        <details open={opened.value || marked} onToggle={(event) => (opened.value = event.currentTarget.open)}>
          <summary>More</summary>
          <div class="fields">{more.map(input)}</div>
        </details>
      )}
      {others.map(({ path, errors }) => (
        <p key={path} class="problem-text">
          <code>{path || "/"}</code> {errors.join("; ")}
        </p>
      ))}
    </>
  );
}

interface FormInputProps {
  field: FormField;
  value: unknown;
  problems: string[];
  onChange: (value: unknown) => void;
}

/** What are no pairs yet is the value as it is typed: the server refuses it, and nothing is left out unsaid. */
function PairsInput({ field: { label, hint, pairs }, value, problems, onChange }: FormInputProps) {
  const text = useSignal<string | undefined>(undefined);
  const last = useSignal(value); // what is no text stays with it
  if (typeof value !== "string") last.value = value;
  const { texts, put } = pairs === "list" ? listed(last.value) : members(last.value);
  const same =
    typeof value === "string"
      ? text.value === value
      : text.value !== undefined && JSON.stringify(variables(text.value)) === JSON.stringify(texts);
  const shown = typeof value === "string" ? value : Object.entries(texts).map(([name, one]) => `${name}=${one}`).join("\n");
  const input = (typed: string) => {
    const next = variables(typed);
    text.value = typed;
    onChange(next ? put(next) : typed);
  };
  const said = typeof value === "string" && problems.length > 0 ? [`need ${hint ?? "NAME=VALUE, a line each"}`] : problems;
  return <LinesField label={label} value={same ? text.value! : shown} onInput={input} hint={hint} problems={said} />;
}

/** Keeps what is typed as typed: `0.` is on its way to `0.5`. */
function FormInput({ field, value, problems, onChange }: FormInputProps) {
  const text = useSignal<string | undefined>(undefined);
  const shown = value === undefined || value === null ? "" : Array.isArray(value) ? value.join(", ") : String(value);
  const same = text.value !== undefined && JSON.stringify(typed(field, text.value)) === JSON.stringify(value);
  const typedText = same ? text.value! : shown;
  const input = (next: string) => {
    text.value = next;
    onChange(typed(field, next));
  };
  if (field.lines) return <LinesField label={field.label} value={typedText} onInput={input} hint={field.hint} problems={problems} />;
  return (
    <TextField
      label={field.label}
      value={typedText}
      onInput={input}
      hint={field.hint}
      number={field.number ?? false}
      wide={field.wide ?? false}
      mono={!field.number}
      problems={problems}
    />
  );
}
