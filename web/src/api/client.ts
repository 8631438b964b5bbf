// One request to /api and its answer. Everything else in src/api stands on this.

import { signal } from "@preact/signals";

/** How old the node said its last answer was, in seconds, when it has lost its cluster; 0: it is true. */
export const staleSeconds = signal(0);

export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: no answer came
    readonly code: string,
    message: string,
    readonly problems: Problem[] = [],
    readonly advice?: string,
  ) {
    super(message);
  }
}

/** What the server says of one field. */
export interface Problem {
  path: string;
  errors: string[];
}

interface ErrorBody {
  error?: { code?: string; message?: string; details?: Problem[]; try?: string };
}

const LIMIT_WAIT_MS = 30_000;

/** An id as one segment of a path. */
export const segment = (id: string) => encodeURIComponent(id.replace(/^\//, ""));

export function query(values: Record<string, string | number | boolean | undefined>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    if (value !== undefined && value !== "") params.set(name, String(value));
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}

async function failure(answer: Response): Promise<ApiError> {
  const text = await answer.text();
  let body: ErrorBody = {};
  try {
    body = JSON.parse(text) as ErrorBody;
  } catch {
    // not ours: a proxy between, perhaps
  }
  const { code, message, details, try: advice } = body.error ?? {};
  return new ApiError(
    answer.status,
    code ?? "ERR_IO",
    message ?? `the server answered ${answer.status} ${answer.statusText}`,
    details ?? [],
    advice,
  );
}

/** Throws ApiError and nothing else. A write carries an id, so that a repeat is answered, not done again. */
export async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-Request-Id"] = requestId();
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(LIMIT_WAIT_MS),
    });
  } catch (cause) {
    const slow = cause instanceof DOMException && cause.name === "TimeoutError";
    const what = slow ? `no answer within ${LIMIT_WAIT_MS / 1000} s` : "the node does not answer";
    throw new ApiError(0, "ERR_UNAVAILABLE", what);
  }
  staleSeconds.value = Number(answer.headers.get("X-Mesolith-Stale") ?? 0);
  if (!answer.ok) throw await failure(answer);
  try {
    return (answer.status === 204 ? {} : await answer.json()) as T;
  } catch {
    throw new ApiError(answer.status, "ERR_IO", "the answer was cut short or is not JSON");
  }
}

/** crypto.randomUUID is there only over TLS and on loopback. */
function requestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const read = <T>(path: string) => request<T>("GET", path);
