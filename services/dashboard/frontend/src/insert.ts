import { toast } from "./dialogs";
import { locate } from "./locate";

/** The editor's lists: choosing a credential writes its id where the cursor is, choosing a node an example of it. */
export function startInserting(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-insert]");
    const field = document.querySelector<HTMLTextAreaElement>("form[data-editor] textarea[name=definition]");
    if (button?.dataset.insert && field) insert(field, button.dataset.insert);
    const node = (event.target as Element).closest<HTMLElement>("[data-insert-node]")?.dataset.insertNode;
    if (node && field) insertNode(field, node);
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
  write(field, text, "Put the cursor where the id belongs, then choose again.");
}

/** `example` is a node as JSON: it gets an id of its own and the commas that it needs between its neighbours. */
function insertNode(field: HTMLTextAreaElement, example: string): void {
  const node = JSON.parse(example) as { id: string };
  const before = field.value.slice(0, field.selectionStart).trimEnd();
  const after = field.value.slice(field.selectionEnd).trimStart();
  const margin = /(?:^|\n)([ \t]*)[^\n]*$/.exec(field.value.slice(0, field.selectionStart))![1]!;
  const text = JSON.stringify({ ...node, id: freeId(field.value, node.id) }, null, 2).replaceAll("\n", `\n${margin}`);
  write(field, `${/[}\]]$/.test(before) ? ", " : ""}${text}${after.startsWith("{") ? ", " : ""}`, "Put the cursor where the node belongs, then choose again.");
}

/** `filter`, or `filter2` where a node has that id already. */
function freeId(text: string, id: string): string {
  let found = id;
  for (let number = 2; new RegExp(`"id"\\s*:\\s*"${found}"`).test(text); number++) found = `${id}${number}`;
  return found;
}

function write(field: HTMLTextAreaElement, text: string, advice: string): void {
  field.focus();
  if (field.selectionEnd === 0 && field.value !== "") return toast(advice, true);
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
