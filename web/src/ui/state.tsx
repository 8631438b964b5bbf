// A state as people see it: shape and word in one colour.

import "./state.css";
import type { ComponentChildren, JSX } from "preact";
import { type Kind, kindOf } from "../lib/states";

const SHAPES: Record<Kind, JSX.Element> = {
  good: <circle class="full" cx="6" cy="6" r="4" />,
  busy: <path d="M6 1.5A4.5 4.5 0 1 1 1.5 6" />,
  warn: (
    <>
      <path class="full" d="M6 1.5 11 10.5H1z" />
      <path class="cut" d="M6 5v2M6 9v.01" />
    </>
  ),
  bad: (
    <>
      <path class="full" d="M6 1 11 6 6 11 1 6z" />
      <path class="cut" d="M6 3.6v2.8M6 8.4v.01" />
    </>
  ),
  idle: <circle cx="6" cy="6" r="4" />,
  off: <path d="M4 2.5v7M8 2.5v7" />,
  done: <path d="m2 6.5 2.7 2.7L10 3.5" />,
  failed: <path d="m2.5 2.5 7 7m0-7-7 7" />,
  missed: <path d="M2.5 6h7" />,
};

export function Shape({ kind }: { kind: Kind }) {
  return (
    <svg class={`shape kind-${kind}`} viewBox="0 0 12 12" aria-hidden="true">
      {SHAPES[kind]}
    </svg>
  );
}

interface StateProps {
  noun: string;
  state: string;
  children?: ComponentChildren; // instead of the state's word
}

export function State({ noun, state, children }: StateProps) {
  const kind = kindOf(noun, state);
  return (
    <span class={`state kind-${kind}`}>
      <Shape kind={kind} />
      <span>{children ?? state}</span>
    </span>
  );
}

const LIMIT_DOTS = 40;

/** One shape an instance, with the sum in words for who cannot see them. */
export function Dots({ kinds, label }: { kinds: Kind[]; label: string }) {
  return (
    <span class="dots" role="img" aria-label={label} title={label}>
      {kinds.slice(0, LIMIT_DOTS).map((kind, i) => (
        <Shape key={i} kind={kind} />
      ))}
      {kinds.length > LIMIT_DOTS && <span class="muted">+{kinds.length - LIMIT_DOTS}</span>}
    </span>
  );
}
