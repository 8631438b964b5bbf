// Names and texts of a definition, to be edited as lines. What is no text, or says more, is kept. Pure.

type Texts = Record<string, string>;

export interface Pairs {
  texts: Texts;
  /** The value with others in their place; undefined: nothing is left of it. */
  put: (next: Texts) => unknown;
}

/** `{"A": "1"}`, as apps have it. */
export function members(value: unknown): Pairs {
  const all = Object.entries((value ?? {}) as Record<string, unknown>);
  const texts = Object.fromEntries(all.filter((pair): pair is [string, string] => typeof pair[1] === "string"));
  const others = Object.fromEntries(all.filter(([, one]) => typeof one !== "string"));
  const put = (next: Texts) => (Object.keys({ ...next, ...others }).length > 0 ? { ...next, ...others } : undefined);
  return { texts, put };
}

/** `[{"name": "A", "value": "1"}]`, as jobs have it; an object is taken, too. */
export function listed(value: unknown): Pairs {
  const all: unknown = value ?? [];
  if (!Array.isArray(all)) return members(all);
  const names = new Map<unknown, number>();
  for (const one of all as { name?: unknown }[]) names.set(one?.name, (names.get(one?.name) ?? 0) + 1);
  const isPair = (one: unknown): one is { name: string; value: string } => {
    const { name, value: text, ...more } = (one ?? {}) as Record<string, unknown>;
    return typeof name === "string" && typeof text === "string" && Object.keys(more).length === 0 && names.get(name) === 1;
  };
  const texts = Object.fromEntries(all.filter(isPair).map(({ name, value: text }) => [name, text]));
  const others = all.filter((one) => !isPair(one));
  const put = (next: Texts) => {
    const pairs = Object.entries(next).map(([name, text]) => ({ name, value: text }));
    return pairs.length + others.length > 0 ? [...pairs, ...others] : undefined;
  };
  return { texts, put };
}
