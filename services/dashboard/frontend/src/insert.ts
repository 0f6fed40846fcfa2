import { toast } from "./dialogs";
import { locate } from "./locate";

/** The editor's list of credentials: choosing one writes its id where the cursor is. */
export function startInserting(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-insert]");
    const field = document.querySelector<HTMLTextAreaElement>("form[data-editor] textarea[name=definition]");
    if (button?.dataset.insert && field) insert(field, button.dataset.insert);
  });
  document.addEventListener("input", (event) => {
    const search = event.target as HTMLInputElement;
    if (search.matches("[data-narrow]")) narrow(document.getElementById(search.dataset.narrow!)!, search.value);
  });
}

function insert(field: HTMLTextAreaElement, id: string): void {
  const chosen = field.value.slice(field.selectionStart, field.selectionEnd);
  const text = chosen.startsWith("{")
    ? withCredential(chosen, id)
    : isInString(field.value.slice(0, field.selectionStart)) ? id : JSON.stringify(id);
  field.focus();
  if (field.selectionEnd === 0 && field.value !== "") return toast("Put the cursor where the id belongs, then choose again.", true);
  // The only way that the field's own undo knows of; browsers without it get the text all the same.
  if (!document.execCommand("insertText", false, text)) {
    field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
}

/** The object that a problem has marked, as it is written, with the id in place of its own old one, else as its first field. */
function withCredential(object: string, id: string): string {
  const [from, to] = locate(object, "credential");
  if (to > 0) return object.slice(0, from) + JSON.stringify(id) + object.slice(to);
  const rest = object.slice(1);
  const space = /^\s*/.exec(rest)![0];
  return `{${space}"credential": ${JSON.stringify(id)}${rest.trimStart().startsWith("}") ? "" : ","}${space || " "}${rest.slice(space.length)}`;
}

/** Whether JSON text that ends here ends inside a string. */
function isInString(before: string): boolean {
  return (before.replace(/\\./gs, "").split('"').length - 1) % 2 === 1;
}

function narrow(list: HTMLElement, text: string): void {
  for (const item of list.querySelectorAll("li")) {
    item.hidden = !item.textContent!.toLowerCase().includes(text.trim().toLowerCase());
  }
}
