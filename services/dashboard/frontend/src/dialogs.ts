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

let hiding = 0;

/** Say something in the corner for a few seconds. */
export function toast(text: string, failed = false): void {
  const element = document.getElementById("toast");
  if (!element) return;
  element.textContent = text;
  element.classList.toggle("s-failed", failed);
  element.showPopover();
  clearTimeout(hiding);
  hiding = window.setTimeout(() => element.hidePopover(), failed ? 7_000 : 2_500);
}
