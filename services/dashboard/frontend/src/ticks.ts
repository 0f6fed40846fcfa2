/** What to put on a page for a text whose `words in backticks` are code. */
export function ticks(text: string): (string | HTMLElement)[] {
  const parts = text.split("`");
  // The last one of an odd number has no partner: it is itself.
  if (parts.length % 2 === 0) parts.push(`${parts.splice(-2, 1)[0]!}\`${parts.pop()!}`);
  return parts.map((part, place) => (place % 2 === 0 ? part : code(part)));
}

function code(text: string): HTMLElement {
  const element = document.createElement("code");
  element.textContent = text;
  return element;
}
