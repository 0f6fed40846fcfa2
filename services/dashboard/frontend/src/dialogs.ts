/** The dialog with this id. */
export function dialog(id: string): HTMLDialogElement {
  return document.getElementById(id) as HTMLDialogElement;
}

/** Show a dialog above the page; Esc and a click beside it close it. */
export function openDialog(id: string): void {
  const found = dialog(id);
  if (!found.open) found.showModal();
}

/** The part of a dialog that carries this `data-part`. */
export function part(within: Element, name: string): HTMLElement {
  return within.querySelector<HTMLElement>(`[data-part="${name}"]`)!;
}

const NEXT = "toast";

export function startDialogs(): void {
  const said = sessionStorage.getItem(NEXT);
  sessionStorage.removeItem(NEXT);
  if (said) toast(said);
  document.addEventListener("click", (event) => {
    const target = event.target as HTMLElement;
    const opener = target.closest<HTMLElement>("[data-open]");
    if (opener?.dataset.open) openDialog(opener.dataset.open);
    if (target.closest("[data-close]") || target instanceof HTMLDialogElement) target.closest("dialog")?.close();
  });
}

/** Say something in the corner of the page that is opened next. */
export function toastNext(text: string): void {
  sessionStorage.setItem(NEXT, text);
}

const SHORT_MS = 2_500;
const LONG_MS = 7_000;
const LINKED_MS = 10_000;
const STAY_MS = 1_000;
let hiding = 0;

/** Where a toast leads, and the control that brought it about: the next Tab from there goes to the link. */
export interface Link {
  href: string;
  text: string;
  by: HTMLElement;
}

/** Say something in the corner for a few seconds; longer while somebody is at its link. */
export function toast(text: string, failed = false, link?: Link): void {
  const element = document.getElementById("toast");
  if (!element) return;
  // Shown anew, it is above a dialog that was opened since.
  if (element.matches(":popover-open")) element.hidePopover();
  element.replaceChildren(text, ...(link ? [" ", anchor(link)] : []));
  element.classList.toggle("s-failed", failed);
  element.showPopover(link ? { source: link.by } : {});
  clearTimeout(hiding);
  hiding = window.setTimeout(() => leave(element), link ? LINKED_MS : failed ? LONG_MS : SHORT_MS);
}

/** Take away what was said. */
export function hideToast(): void {
  const element = document.getElementById("toast");
  clearTimeout(hiding);
  if (element?.matches(":popover-open")) element.hidePopover();
}

function leave(element: HTMLElement): void {
  if (element.matches(":hover, :focus-within")) hiding = window.setTimeout(() => leave(element), STAY_MS);
  else hideToast();
}

function anchor(link: Link): HTMLAnchorElement {
  const made = document.createElement("a");
  made.href = link.href;
  made.className = "link";
  made.textContent = link.text;
  return made;
}
