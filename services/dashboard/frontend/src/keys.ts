import { openDialog } from "./dialogs";
import { switchTheme } from "./theme";

const PLACES: Record<string, string> = { w: "/workflows", e: "/executions", p: "/approvals", c: "/credentials", a: "/admin/executions", d: "/admin/errors", o: "/admin" };
const CHORD_MS = 1_200;

/** The page's keyboard shortcuts; `?` lists them. */
export function startKeys(): void {
  let chordUntil = 0;
  document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    const target = event.target as HTMLElement;
    if (event.key === "Escape" && target.matches("[data-search]")) return target.blur();
    if (target.matches("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]")) return;
    const place = PLACES[event.key];
    if (Date.now() < chordUntil && place) location.assign(place);
    else if (event.key === "g") chordUntil = Date.now() + CHORD_MS;
    else if (event.key === "/") focusSearch(event);
    else if (event.key === "?") openDialog("shortcuts");
    else if (event.key === "t") switchTheme();
  });
}

function focusSearch(event: KeyboardEvent): void {
  const search = document.querySelector<HTMLInputElement>("[data-search]");
  if (!search) return location.assign("/workflows");
  event.preventDefault();
  search.focus();
  search.select();
}
