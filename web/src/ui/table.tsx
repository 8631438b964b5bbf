// A table of any length: only the rows in sight are in the document. Rows have one height (--row), so
// that where a row stands needs no measuring. Narrow screens show a second line below the first column
// instead of the columns that have no room.

import "./table.css";
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useKeys } from "../app/keys";
import { go } from "../app/router";
import { Icon } from "./icon";

export interface Column<T> {
  title: string;
  cell: (row: T) => ComponentChildren;
  width?: number; // rem; columns without share what is left: 8 rem at least of 43 (medium) or 58 (wide)
  end?: boolean;
  from?: "small" | "medium" | "wide"; // shown from this width on
  sort?: string; // the field the server sorts by
}

interface TableProps<T> {
  label: string;
  columns: Column<T>[]; // the first names the row
  count: number;
  row: (index: number) => T | undefined; // undefined: not here yet
  keyOf: (row: T) => string;
  below?: (row: T) => ComponentChildren; // the second line where it is narrow
  href?: (row: T) => string | undefined;
  sort?: string; // "name" or "-name"
  onSort?: (sort: string) => void;
  onShow?: (first: number, last: number) => void;
  empty?: ComponentChildren;
}

const AROUND = 12; // rows beyond the edges of the screen
const ALL_UNDER = 40; // so few are all drawn

interface Window {
  first: number;
  end: number;
}

function rowHeight(): number {
  const root = getComputedStyle(document.documentElement);
  return parseFloat(root.getPropertyValue("--row")) * parseFloat(root.fontSize);
}

/** Which of `count` rows the screen shows. */
function windowOf(body: HTMLElement, count: number): Window {
  if (count <= ALL_UNDER) return { first: 0, end: count };
  const height = rowHeight();
  const top = -body.getBoundingClientRect().top;
  const first = Math.max(0, Math.floor(top / height) - AROUND);
  const end = Math.min(count, Math.ceil((top + innerHeight) / height) + AROUND);
  return { first: Math.min(first, Math.max(0, count - AROUND)), end: Math.max(end, Math.min(count, AROUND)) };
}

export function Table<T>(props: TableProps<T>) {
  const { columns, count, onShow } = props;
  const body = useRef<HTMLTableSectionElement>(null);
  const seen = useSignal<Window>({ first: 0, end: Math.min(count, ALL_UNDER) });

  const look = () => {
    if (!body.current) return;
    const next = windowOf(body.current, count);
    const { first, end } = seen.peek();
    if (next.first !== first || next.end !== end) seen.value = next;
  };
  useLayoutEffect(() => {
    look();
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    return () => {
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
    };
  }, [count]);
  useLayoutEffect(() => {
    if (count > 0) onShow?.(seen.value.first, Math.max(0, seen.value.end - 1));
  }, [seen.value, count, onShow]);
  useRowKeys(body, count);

  const { first } = seen.value;
  const end = Math.min(seen.value.end, count);
  const height = rowHeight();
  return (
    <div class="table-box">
      <table class="table" aria-label={props.label} aria-rowcount={count + 1}>
        <colgroup>
          {columns.map((column) => (
            <col
              key={column.title}
              class={column.from && `from-${column.from}`}
              style={column.width === undefined ? undefined : { width: `${column.width}rem` }}
            />
          ))}
        </colgroup>
        <thead class={props.below ? "thin" : undefined}>
          <tr>
            {columns.map((column) => (
              <HeadCell key={column.title} column={column} sort={props.sort} onSort={props.onSort} />
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          {first > 0 && <Pad height={first * height} />}
          {Array.from({ length: Math.max(0, end - first) }, (_, i) => {
            const row = props.row(first + i);
            const key = row === undefined ? `#${first + i}` : props.keyOf(row);
            return <Row key={key} index={first + i} row={row} table={props} />;
          })}
          {end < count && <Pad height={(count - end) * height} />}
        </tbody>
      </table>
      {count === 0 && props.empty}
    </div>
  );
}

/** One cell: spanning all of them would bring back the columns that are hidden. */
function Pad({ height }: { height: number }) {
  return (
    <tr class="pad" aria-hidden="true">
      <td style={{ height: `${height}px` }} />
    </tr>
  );
}

interface HeadCellProps<T> {
  column: Column<T>;
  sort: string | undefined;
  onSort: ((sort: string) => void) | undefined;
}

function HeadCell<T>({ column, sort, onSort }: HeadCellProps<T>) {
  const by = column.sort;
  const classes = [column.from && `from-${column.from}`, column.end && "end"].filter(Boolean).join(" ");
  const order = by === undefined ? undefined : sort === by ? "ascending" : sort === `-${by}` ? "descending" : undefined;
  return (
    <th scope="col" class={classes} aria-sort={order}>
      {by !== undefined && onSort ? (
        <button type="button" onClick={() => onSort(order === "ascending" ? `-${by}` : by)}>
          {column.title}
          {order && <Icon name={order === "ascending" ? "up" : "down"} />}
        </button>
      ) : (
        column.title
      )}
    </th>
  );
}

function Row<T>({ index, row, table }: { index: number; row: T | undefined; table: TableProps<T> }) {
  const href = row === undefined ? undefined : table.href?.(row);
  const onClick = (event: MouseEvent) => {
    const onControl = (event.target as Element).closest("a, button, input, select");
    if (href === undefined || onControl || !getSelection()?.isCollapsed) return;
    if (event.metaKey || event.ctrlKey) open(href, "_blank");
    else go(href);
  };
  return (
    <tr class={href && "link"} aria-rowindex={index + 2} data-row={index} onClick={onClick}>
      {table.columns.map((column, i) => {
        const classes = [i === 0 && "primary", column.from && `from-${column.from}`, column.end && "end"];
        return (
          <td key={column.title} class={classes.filter(Boolean).join(" ") || undefined}>
            {row === undefined ? i === 0 && <span class="waiting-row" /> : column.cell(row)}
            {row !== undefined && i === 0 && table.below && <div class="below">{table.below(row)}</div>}
          </td>
        );
      })}
    </tr>
  );
}

/** The tables that are shown and how many rows each has. */
const shown = new Map<Element, number>();

/** Moves the focus to the next row of the table it is in, or into the first one of the page. */
function moveRow(by: number): void {
  const at = document.activeElement?.closest<HTMLElement>("tr[data-row]");
  const rows = at?.closest("tbody") ?? document.querySelector("main .table tbody");
  const count = (rows && shown.get(rows)) ?? 0;
  if (!rows || count === 0) return;
  const from = at ? Number(at.dataset["row"]) : by > 0 ? -1 : count;
  const next = Math.min(count - 1, Math.max(0, from + by));
  const focus = () => {
    const row = rows.querySelector(`tr[data-row="${next}"]`);
    row?.querySelector<HTMLElement>("a, button")?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: "nearest" });
    return row !== null;
  };
  if (focus()) return;
  scrollTo(0, scrollY + rows.getBoundingClientRect().top + next * rowHeight() - innerHeight / 2);
  requestAnimationFrame(() => requestAnimationFrame(focus));
}

const ROW_KEYS = [
  { key: "j", what: "Next row", act: () => moveRow(1) },
  { key: "k", what: "Row before", act: () => moveRow(-1) },
];

function useRowKeys(body: { current: HTMLElement | null }, count: number): void {
  useLayoutEffect(() => {
    const rows = body.current!;
    shown.set(rows, count);
    return () => shown.delete(rows);
  }, [count]);
  useKeys(ROW_KEYS);
}
