// A text/event-stream over fetch: unlike EventSource it sees the keep-alive comments, so it knows a
// dead line from a quiet one. It comes back by itself and resumes behind the last id it saw.

export interface Message {
  event: string;
  id: string; // the last id seen, "" if none
  data: string;
}

/** Pure: bytes already decoded go in as they come, messages come out. */
export class Parser {
  lastId = "";
  private rest = "";
  private event = "";
  private data: string[] = [];

  push(text: string): Message[] {
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop()!;
    const out: Message[] = [];
    for (const line of lines) {
      if (line !== "") this.field(line);
      else if (this.data.length > 0) out.push(this.take());
      else this.event = "";
    }
    return out;
  }

  private field(line: string): void {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.event = value;
    else if (name === "data") this.data.push(value);
    else if (name === "id" && !value.includes("\0")) this.lastId = value;
  }

  private take(): Message {
    const message = { event: this.event || "message", id: this.lastId, data: this.data.join("\n") };
    this.event = "";
    this.data = [];
    return message;
  }
}

export interface StreamHandlers {
  message(message: Message): void;
  up?(): void;
  /** The line broke or never stood; another try follows unless the stream was closed. */
  down?(): void;
}

const LIMIT_SILENCE_MS = 25_000; // two keep-alives and a half
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 10_000;

/** Opens at once and stays open until close(). `path` is asked anew for each try. */
export class Stream {
  private readonly parser = new Parser();
  private closed = false;
  private abort: AbortController | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private wait = RETRY_MS_MIN;

  constructor(
    private readonly path: () => string,
    private readonly handlers: StreamHandlers,
    lastId = "",
  ) {
    this.parser.lastId = lastId;
    void this.run();
  }

  get lastId(): string {
    return this.parser.lastId;
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    this.abort?.abort();
  }

  private async run(): Promise<void> {
    try {
      await this.read();
    } catch {
      // every way to fail has the same cure
    }
    if (this.closed) return;
    this.handlers.down?.();
    this.retry = setTimeout(() => void this.run(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(this.wait * 2, RETRY_MS_MAX);
  }

  private async read(): Promise<void> {
    const abort = (this.abort = new AbortController());
    let silence = setTimeout(() => abort.abort(), LIMIT_SILENCE_MS);
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => abort.abort(), LIMIT_SILENCE_MS);
    };
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (this.parser.lastId !== "") headers["Last-Event-ID"] = this.parser.lastId;
      const answer = await fetch(this.path(), { headers, signal: abort.signal, cache: "no-store" });
      if (!answer.ok || !answer.body) throw new Error(`status ${answer.status}`);
      this.wait = RETRY_MS_MIN;
      this.handlers.up?.();
      const decoder = new TextDecoder();
      const reader = answer.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || this.closed) return;
        heard();
        for (const message of this.parser.push(decoder.decode(value, { stream: true })))
          if (!this.closed) this.handlers.message(message);
      }
    } finally {
      clearTimeout(silence);
      abort.abort();
    }
  }
}
