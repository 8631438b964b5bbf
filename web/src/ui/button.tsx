import "./button.css";
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon";

interface ButtonProps {
  children: ComponentChildren;
  onClick?: () => void;
  kind?: "plain" | "primary" | "danger" | "danger primary" | "quiet" | "quiet small" | "small";
  icon?: IconName;
  disabled?: boolean;
  title?: string;
  type?: "button" | "submit";
  pressed?: boolean;
  label?: string;
}

export function Button({ children, onClick, kind = "plain", icon, disabled, title, type, pressed, label }: ButtonProps) {
  return (
    <button
      type={type ?? "button"}
      class={`button ${kind}`}
      onClick={onClick}
      disabled={disabled}
      title={title}
      aria-pressed={pressed}
      aria-label={label}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

export function LinkButton({ href, children, icon }: { href: string; children: ComponentChildren; icon?: IconName }) {
  return (
    <a class="button" href={href}>
      {icon && <Icon name={icon} />}
      {children}
    </a>
  );
}

export function Buttons({ children }: { children: ComponentChildren }) {
  return <div class="buttons">{children}</div>;
}

/** An id, shortened to what is unique and copied whole. */
export function Copy({ text, children }: { text: string; children?: ComponentChildren }) {
  const copied = useSignal(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return; // not allowed here (plain HTTP off loopback): the whole text is in the title
    }
    copied.value = true;
    setTimeout(() => (copied.value = false), 1200);
  };
  return (
    <button type="button" class="copy" title={`${text} (click to copy)`} onClick={() => void copy()}>
      {copied.value ? "copied" : (children ?? text)}
    </button>
  );
}
