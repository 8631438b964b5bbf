// A list of the server as a table, and what narrows it. What is looked for, the state and the order
// stand in the address, so that back and a copied link work.

import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useCallback } from "preact/hooks";
import type { PagedList } from "../api/store";
import { params, setParams } from "../app/router";
import { plural } from "../lib/size";
import { statesOf } from "../lib/states";
import { Search, Select } from "./field";
import { ErrorNote, Panel } from "./page";
import { type Column, Table } from "./table";

/** What the address asks of a list. */
export function listParams(order: string) {
  const at = (name: string) => params.value.get(name) ?? undefined;
  return { q: at("q"), state: at("state"), sort: at("sort") ?? order };
}

export function SearchFilter({ label }: { label: string }) {
  return <Search label={label} value={params.value.get("q") ?? ""} onInput={(q) => setParams({ q })} />;
}

export function StateFilter({ noun }: { noun: string }) {
  return (
    <Select
      label="State"
      value={params.value.get("state") ?? ""}
      options={[{ value: "", text: "All states" }, ...statesOf(noun).map((value) => ({ value, text: value }))]}
      onChange={(state) => setParams({ state }, "push")}
    />
  );
}

interface ListTableProps<T> {
  list: PagedList<T>;
  noun: string; // one of them
  columns: Column<Signal<T>>[]; // a cell that reads the signal is drawn again alone
  keyOf: (item: T) => string;
  below: (item: T) => ComponentChildren;
  href: (item: T) => string | undefined;
  order: string; // when the address says none
  empty: ComponentChildren;
}

export function ListTable<T>({ list, noun, columns, keyOf, below, href, order, empty }: ListTableProps<T>) {
  const show = useCallback((first: number, last: number) => list.show(first, last), [list]);
  const total = list.total.value;
  const error = list.error.value;
  void list.revision.value; // drawn again when rows come, go or move
  return (
    <>
      {error && <ErrorNote error={error} retry={() => list.refresh()} />}
      {total !== undefined && (
        <Panel bare>
          <Table<Signal<T>>
            label={plural(total, noun)}
            columns={columns}
            count={total}
            row={(i) => list.at(i)}
            keyOf={(row) => keyOf(row.peek())}
            below={(row) => below(row.value)}
            href={(row) => href(row.peek())}
            sort={listParams(order).sort}
            onSort={(sort) => setParams({ sort }, "push")}
            onShow={show}
            empty={empty}
          />
        </Panel>
      )}
      {total !== undefined && total > 0 && <p class="muted">{plural(total, noun)}</p>}
    </>
  );
}
