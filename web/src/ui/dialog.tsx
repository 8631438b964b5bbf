import "./dialog.css";
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Button, Buttons } from "./button";
import { LinesField, TextField } from "./field";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  top?: boolean; // near the top, for what grows as one types
}

/** Modal from the moment it is drawn; Escape and a click beside it close it. */
export function Dialog({ title, onClose, children, top }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current!;
    const before = document.activeElement;
    dialog.showModal();
    dialog.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  const onClick = (event: MouseEvent) => {
    if (event.target === ref.current) onClose();
  };
  return (
    <dialog
      ref={ref}
      class={top ? "dialog top" : "dialog"}
      aria-labelledby={id}
      onClick={onClick}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

interface ConfirmProps {
  title: string; // names what will be done: "Stop 12 instances of /shop/web"
  children: ComponentChildren;
  action: string; // the word on the button
  typed?: string; // must be typed before, where something is destroyed for good
  onConfirm: () => void;
  onClose: () => void;
}

export function Confirm({ title, children, action, typed, onConfirm, onClose }: ConfirmProps) {
  const text = useSignal("");
  const allowed = typed === undefined || text.value.trim() === typed;
  const submit = (event: Event) => {
    event.preventDefault();
    if (!allowed) return;
    onClose();
    onConfirm();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        <div class="dialog-body">{children}</div>
        {typed !== undefined && (
          <TextField
            label={`Type ${typed} to go on`}
            value={text.value}
            onInput={(value) => (text.value = value)}
            mono
            autofocus
          />
        )}
        <Buttons>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="danger primary" disabled={!allowed}>
            {action}
          </Button>
        </Buttons>
      </form>
    </Dialog>
  );
}

export interface Question {
  label: string;
  hint?: string;
  start?: string;
  number?: boolean;
  lines?: boolean;
}

interface AskedProps {
  title: string;
  questions: Question[];
  verb: string; // on the button
  check?: (answers: string[]) => string | undefined; // what is wrong
  said?: (answers: string[]) => Promise<string>; // what it would do, when that is asked for
  onAnswer: (answers: string[]) => void;
  onClose: () => void;
}

/** Asks a few things before something is done. */
export function Asked({ title, questions, verb, check, said, onAnswer, onClose }: AskedProps) {
  const answers = useSignal(questions.map(({ start }) => start ?? ""));
  const told = useSignal<string | undefined>(undefined);
  const trimmed = () => answers.value.map((answer) => answer.trim());
  const put = (i: number, value: string) => {
    answers.value = answers.value.map((before, k) => (k === i ? value : before));
    told.value = undefined;
  };
  const submit = (event: Event) => {
    event.preventDefault();
    told.value = check?.(trimmed());
    if (told.value !== undefined) return;
    onClose();
    onAnswer(trimmed());
  };
  const ask = () => {
    told.value = "…";
    said!(trimmed()).then(
      (text) => (told.value = text),
      (error: Error) => (told.value = error.message),
    );
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        {questions.map(({ label, hint, number, lines }, i) =>
          lines ? (
            <LinesField key={label} label={label} hint={hint} value={answers.value[i]!} onInput={(v) => put(i, v)} />
          ) : (
            <TextField
              key={label}
              label={label}
              hint={hint}
              number={number ?? false}
              value={answers.value[i]!}
              onInput={(v) => put(i, v)}
              mono
              autofocus={i === 0}
            />
          ),
        )}
        {told.value !== undefined && <p role="status">{told.value}</p>}
        <Buttons>
          {said && <Button onClick={ask}>What would run?</Button>}
          <span class="spring" />
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary">
            {verb}
          </Button>
        </Buttons>
      </form>
    </Dialog>
  );
}
