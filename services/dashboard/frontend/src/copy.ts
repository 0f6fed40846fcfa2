import { toast } from "./dialogs";

/** Buttons that copy: `data-copy` is the text, `data-copy-from` the id of the element that has it. */
export function startCopying(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-copy], [data-copy-from]");
    if (!button) return;
    const from = button.dataset.copyFrom && document.getElementById(button.dataset.copyFrom);
    const text = from ? (from.textContent ?? "") : (button.dataset.copy ?? "");
    void copy(text, button).then(() => toast("Copied"));
  });
}

async function copy(text: string, near: HTMLElement): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Without HTTPS browsers have only the old way; the field must be inside an open dialog to be selectable.
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "sr";
  (near.closest("dialog") ?? document.body).append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  near.focus();
}
