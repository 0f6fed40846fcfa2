import { restartLive } from "./live";
import { keepLogEnd } from "./log";
import { morph } from "./morph";

const TYPING_MS = 250;
let latest = 0;

/** Links marked `data-soft` and filter forms change the content in place: focus and scroll stay, the URL follows. */
export function followClicks(): void {
  document.addEventListener("click", (event) => {
    const link = (event.target as Element).closest<HTMLAnchorElement>("a[data-soft]");
    if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    void visit(link.href, "push");
  });
  window.addEventListener("popstate", () => void visit(location.href, "none"));
}

export function followFilters(): void {
  let timer = 0;
  const apply = (form: HTMLFormElement): void => {
    clearTimeout(timer);
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value) query.append(name, String(value));
    void visit(`${location.pathname}${query.size ? `?${query}` : ""}`, "replace");
  };
  const formOf = (event: Event): HTMLFormElement | null =>
    (event.target as Element).closest<HTMLFormElement>("form[data-filter]");
  document.addEventListener("submit", (event) => {
    const form = formOf(event);
    if (!form) return;
    event.preventDefault();
    apply(form);
  });
  document.addEventListener("input", (event) => {
    const form = formOf(event);
    if (!form) return;
    clearTimeout(timer);
    timer = window.setTimeout(() => apply(form), event.target instanceof HTMLSelectElement ? 0 : TYPING_MS);
  });
}

/** Show the page as it is now. */
export function redraw(): Promise<void> {
  return visit(location.href, "none");
}

async function visit(url: string, history_: "push" | "replace" | "none"): Promise<void> {
  const turn = ++latest;
  const main = document.getElementById("content");
  main?.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(url, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const newer = page.getElementById("content");
    if (turn !== latest) return;
    if (!main || !newer || response.redirected) return location.assign(url);
    if (history_ === "push") history.pushState(null, "", url);
    if (history_ === "replace") history.replaceState(null, "", url);
    document.title = page.title;
    keepLogEnd(() => morph(main, newer));
    restartLive();
  } catch {
    location.assign(url);
  } finally {
    if (turn === latest) document.getElementById("content")?.removeAttribute("aria-busy");
  }
}
