import { useEffect } from "preact/hooks";

/** The name of the page in the tab. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === "" ? "mesolith" : `${title} · mesolith`;
  }, [title]);
}
