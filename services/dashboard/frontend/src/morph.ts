import { Idiomorph } from "idiomorph";

/** Patch an element in place with newer HTML: focus, scroll, typed text, a form and a Run button in use stay as they are. */
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
  return typing || node.dataset.busy !== undefined;
}
