// Doing something: the result appears where the action was, first as pending, then as fact, with the
// way back beside it where there is one.

import { type Signal, useSignal } from "@preact/signals";
import { ApiError } from "../api/client";
import { Button } from "./button";
import { Note } from "./page";

interface Done {
  text: string;
  undo?: Deed;
}

export interface Deed {
  pending: string; // "Scaling /web to 5 …"
  work: () => Promise<unknown>;
  done: string; // "Scaled /web from 3 to 5."
  undo?: Deed;
  word?: string; // on the button when this is the way back
  then?: () => void;
}

type State =
  | { kind: "none" }
  | { kind: "pending"; text: string }
  | { kind: "done"; done: Done; word: string }
  | { kind: "failed"; error: ApiError };

export interface Action {
  state: Signal<State>;
  run: (deed: Deed) => void;
}

export function useAction(): Action {
  const state = useSignal<State>({ kind: "none" });
  const run = async (deed: Deed) => {
    state.value = { kind: "pending", text: deed.pending };
    try {
      await deed.work();
      const done: Done = deed.undo ? { text: deed.done, undo: deed.undo } : { text: deed.done };
      state.value = { kind: "done", done, word: deed.undo?.word ?? "Undo" };
      deed.then?.();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      state.value = { kind: "failed", error };
    }
  };
  return { state, run: (deed) => void run(deed) };
}

export function Result({ action }: { action: Action }) {
  const state = action.state.value;
  const dismiss = () => (action.state.value = { kind: "none" });
  const close = (
    <Button kind="quiet small" onClick={dismiss}>
      Dismiss
    </Button>
  );
  return (
    <div role="status" hidden={state.kind === "none"}>
      {state.kind === "pending" && <Note kind="busy">{state.text}</Note>}
      {state.kind === "failed" && (
        <Note kind="bad" beside={close}>
          {state.error.message}
          {state.error.advice && <div class="muted">Try: {state.error.advice}</div>}
        </Note>
      )}
      {state.kind === "done" && (
        <Note
          kind="done"
          beside={
            <>
              {state.done.undo && (
                <Button kind="small" icon="undo" onClick={() => action.run(state.done.undo!)}>
                  {state.word}
                </Button>
              )}
              {close}
            </>
          }
        >
          {state.done.text}
        </Note>
      )}
    </div>
  );
}
