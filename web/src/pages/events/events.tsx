// Everything that changes, as it changes, and what was before.

import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { recent } from "../../api/live";
import { earlierEvents } from "../../api/queries";
import type { Change } from "../../api/types";
import { params, setParams } from "../../app/router";
import { Clock } from "../../ui/age";
import { Button } from "../../ui/button";
import { Select } from "../../ui/field";
import { SearchFilter } from "../../ui/list";
import { Bar, Empty, Head, Page, Panel } from "../../ui/page";
import { type Column, Table } from "../../ui/table";
import { changeLink } from "./change";

const NOUNS = ["app", "task", "deployment", "job", "run", "node", "service", "token"];
const LIMIT_EARLIER = 2_000;
const PAGE_EVENTS = 200;

const COLUMNS: Column<Change>[] = [
  { title: "What", cell: changeLink },
  { title: "Noun", width: 8, from: "small", cell: ({ noun }) => noun },
  { title: "Index", width: 6, end: true, from: "medium", cell: ({ index }) => index ?? "" },
  { title: "When", width: 11, from: "small", end: true, cell: ({ at }) => <Clock at={at} /> },
];

function matches(change: Change, noun: string, q: string): boolean {
  const text = `${change.text} ${change.name}`.toLowerCase();
  return (noun === "" || change.noun === noun) && (q === "" || text.includes(q.toLowerCase()));
}

export function Events() {
  const earlier = useSignal<Change[]>([]);
  const more = useSignal(true);
  const frozen = useSignal<Change[] | undefined>(undefined);
  const q = params.value.get("q") ?? "";
  const noun = params.value.get("noun") ?? "";

  const load = async () => {
    const oldest = earlier.value.at(-1)?.id ?? recent.value.at(-1)?.id;
    const list = await earlierEvents(oldest, PAGE_EVENTS).catch(() => undefined);
    if (!list) return;
    earlier.value = [...earlier.value, ...list.items].slice(0, LIMIT_EARLIER);
    more.value = list.items.length === PAGE_EVENTS && earlier.value.length < LIMIT_EARLIER;
  };
  useEffect(() => void load(), []); // what `recent` does not hold

  const all = useComputed(() => joined(frozen.value ?? recent.value, earlier.value));
  const shown = all.value.filter((change) => matches(change, noun, q));
  return (
    <Page>
      <Head title="Events" />
      <Bar>
        <SearchFilter label="Search events" />
        <Select
          label="Noun"
          value={noun}
          options={[{ value: "", text: "All nouns" }, ...NOUNS.map((value) => ({ value, text: value }))]}
          onChange={(value) => setParams({ noun: value }, "push")}
        />
        <span class="spring" />
        <Button
          icon={frozen.value ? "play" : "pause"}
          onClick={() => (frozen.value = frozen.value ? undefined : recent.value)}
        >
          {frozen.value ? "Go on" : "Pause"}
        </Button>
      </Bar>
      <Panel bare>
        <Table
          label="Events"
          columns={COLUMNS}
          count={shown.length}
          row={(i) => shown[i]}
          keyOf={(change) => String(change.id)}
          below={(change) => (
            <>
              <Clock at={change.at} /> · {change.noun}
            </>
          )}
          empty={<Empty>No event matches.</Empty>}
        />
      </Panel>
      {more.value && (
        <p>
          <Button onClick={() => void load()}>Earlier events</Button>
        </p>
      )}
    </Page>
  );
}

/** The newest first; where both have the same, once. */
function joined(newer: Change[], older: Change[]): Change[] {
  const oldest = newer.at(-1)?.id ?? Infinity;
  return [...newer, ...older.filter(({ id }) => id < oldest)];
}
