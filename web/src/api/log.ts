// One output file of a task, or of an attempt of a run, as it grows: the last lines first, then what
// comes, and what stands before when somebody asks. Pausing closes the line; going on resumes where
// it stopped.

import { signal } from "@preact/signals";
import { Lines } from "../lib/lines";
import { ApiError, query, read, segment } from "./client";
import { Stream } from "./sse";
import type { LogPiece } from "./types";

export type LogState = "opening" | "following" | "paused" | "broken" | "ended";

const TAIL_LINES = 1_000;
const EARLIER_BYTES = 128 * 1024;
const GAP = "\n… a part is missing here: it was written faster than it was read …\n";
const DRAW_MS = 50; // pieces that come faster are drawn together

export type Writer = { task: string } | { run: string; attempt: number };

/** Where its file is, and the parameters that say which. */
function placeOf(writer: Writer, file: string): [string, Record<string, string | number>] {
  if ("task" in writer) return [`/api/tasks/${segment(writer.task)}/logs`, { file }];
  return [`/api/runs/${segment(writer.run)}/log`, { stream: file, attempt: writer.attempt }];
}

export class Log {
  readonly lines = new Lines();
  readonly state = signal<LogState>("opening");
  readonly error = signal<ApiError | undefined>(undefined);
  /** Grows when lines came or went. */
  readonly revision = signal(0);
  /** Where in the file what is here begins; 0: all of it is here. */
  readonly start = signal(0);
  private next = 0;
  private stream: Stream | undefined;
  private drawing: ReturnType<typeof setTimeout> | undefined;
  private readonly url: string;
  private readonly which: Record<string, string | number>;

  constructor(writer: Writer, file: string) {
    [this.url, this.which] = placeOf(writer, file);
  }

  async open(): Promise<void> {
    try {
      const piece = await read<LogPiece>(this.url + query({ ...this.which, tail: TAIL_LINES }));
      this.lines.append(piece.data);
      this.start.value = piece.offset;
      this.next = piece.size;
      this.revision.value++;
      if (this.state.peek() === "opening") this.follow();
    } catch (error) {
      this.error.value = error as ApiError;
      this.state.value = "broken";
    }
  }

  close(): void {
    clearTimeout(this.drawing);
    this.stream?.close();
    this.stream = undefined;
    if (this.state.peek() === "opening") this.state.value = "paused";
  }

  pause(): void {
    if (this.stream?.lastId) this.next = Number(this.stream.lastId);
    this.close();
    this.state.value = "paused";
  }

  follow(): void {
    this.state.value = "following";
    this.stream = new Stream(
      () => this.url + query({ ...this.which, follow: 1, offset: this.next }),
      {
        message: ({ event, data, id }) => {
          if (event === "end") {
            this.close();
            this.state.value = "ended";
          } else if (event === "data") {
            this.next = Number(id) || this.next;
            this.lines.append((JSON.parse(data) as LogPiece).data);
            this.drawSoon();
          } else if (event === "gap") {
            this.next = 0;
            this.lines.append(GAP);
          }
        },
        up: () => (this.state.value = "following"),
        down: () => (this.state.value = "broken"),
      },
    );
  }

  /** What stands before the first line that is here, as far as there is room. */
  async earlier(): Promise<void> {
    const end = this.start.peek();
    const offset = Math.max(0, end - EARLIER_BYTES);
    try {
      const piece = await read<LogPiece>(this.url + query({ ...this.which, offset, length: end - offset }));
      this.lines.prepend(piece.data);
      this.start.value = offset;
      this.revision.value++;
    } catch (error) {
      this.error.value = error as ApiError;
    }
  }

  private drawSoon(): void {
    this.drawing ??= setTimeout(() => {
      this.drawing = undefined;
      this.revision.value++;
    }, DRAW_MS);
  }
}
