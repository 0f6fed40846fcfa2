import { Idiomorph } from "idiomorph";

/** Patch an element in place with newer HTML: focus, scroll, what was entered, a form and a Run button in use stay as they are. */
export function morph(current: Element, newer: Element): void {
  Idiomorph.morph(current, newer, {
    morphStyle: "outerHTML",
    callbacks: {
      beforeNodeMorphed: (old: Node) => !inUse(old),
      beforeNodeRemoved: (old: Node) => !(old instanceof Element && old.querySelector("form[data-busy]")),
      beforeAttributeUpdated: (name: string, node: Element) => !(name === "open" && node.matches("dialog, details")),
    },
  });
}

function inUse(node: Node): boolean {
  if (!(node instanceof HTMLElement)) return false;
  const typing = node === document.activeElement && node.matches("input, textarea, select");
  return typing || node.dataset.busy !== undefined || isFilled(node);
}

/** Whether somebody has entered something that is not sent yet. The fields of a filter follow the address instead. */
function isFilled(node: HTMLElement): boolean {
  if (node.closest("form[data-filter]")) return false;
  if (node instanceof HTMLInputElement) return node.value !== node.defaultValue || node.checked !== node.defaultChecked;
  if (node instanceof HTMLTextAreaElement) return node.value !== node.defaultValue;
  if (!(node instanceof HTMLSelectElement)) return false;
  const before = [...node.options].find((option) => option.defaultSelected) ?? node.options[0];
  return node.selectedOptions[0] !== before;
}
