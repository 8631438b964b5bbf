// Find an app, a job, a calendar or a node from anywhere: the server searches, Enter goes there.

import { useSignal } from "@preact/signals";
import { useEffect, useId } from "preact/hooks";
import { search, type Found } from "../api/queries";
import { pageOf } from "../app/path";
import { go } from "../app/router";
import { Dialog } from "../ui/dialog";
import { Shape } from "../ui/state";
import { kindOf } from "../lib/states";

const PAUSE_MS = 80; // between the last letter and the question

export function Find({ onClose }: { onClose: () => void }) {
  const text = useSignal("");
  const found = useSignal<Found[]>([]);
  const at = useSignal(0);
  const fresh = useSignal(false); // what is shown is what was found for the text
  const entered = useSignal(false); // Enter came before that
  const list = useId();

  useEffect(() => {
    let gone = false;
    fresh.value = false;
    const timer = setTimeout(() => {
      void search(text.value).then((answer) => {
        if (gone) return;
        found.value = answer;
        at.value = 0;
        fresh.value = true;
        if (entered.value) open(answer[0]);
      });
    }, PAUSE_MS);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [text.value]);

  const open = (item: Found | undefined) => {
    const page = item && pageOf(item.noun, item.name);
    if (!page) return;
    onClose();
    go(page);
  };
  const onKey = (event: KeyboardEvent) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move !== undefined && found.value.length > 0) {
      event.preventDefault();
      at.value = (at.value + move + found.value.length) % found.value.length;
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (fresh.value) open(found.value[at.value]);
      else entered.value = true;
    }
  };
  return (
    <Dialog title="Find" onClose={onClose} top>
      <div class="dialog-body">
        <input
          class="input"
          type="text"
          role="combobox"
          aria-label="Name of an app, job, calendar or node"
          aria-expanded={found.value.length > 0}
          aria-controls={list}
          aria-activedescendant={found.value.length > 0 ? `${list}-${at.value}` : undefined}
          placeholder="Name of an app, job, calendar or node"
          autocomplete="off"
          spellcheck={false}
          data-autofocus
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
            fresh.value = entered.value = false;
          }}
          onKeyDown={onKey}
        />
        <div class="found" id={list} role="listbox" aria-label="Found">
          {found.value.map((item, i) => (
            <a
              key={`${item.noun} ${item.name}`}
              id={`${list}-${i}`}
              role="option"
              aria-selected={i === at.value}
              tabIndex={-1}
              href={pageOf(item.noun, item.name)}
              onClick={onClose}
            >
              <Shape kind={kindOf(item.noun, item.state)} />
              <span class="muted">{item.noun}</span>
              {item.title}
            </a>
          ))}
        </div>
        {found.value.length === 0 && text.value !== "" && <p class="muted">Nothing has that in its name.</p>}
      </div>
    </Dialog>
  );
}
