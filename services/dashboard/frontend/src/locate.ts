/** Where the value at `path` (`containers[0].nodes[1].params.url`) stands in JSON text: from and to, or the start. */
export function locate(text: string, path: string): [number, number] {
  const wanted = (path.match(/[^.[\]]+/g) ?? []).join("/");
  let place = 0;
  let best: [number, number] = [0, 0];
  let bestLength = -1;

  const skipSpace = (): void => {
    while (/\s/.test(text[place] ?? "")) place++;
  };
  const readString = (): string => {
    const start = place++;
    while (place < text.length && text[place] !== '"') place += text[place] === "\\" ? 2 : 1;
    place++;
    return text.slice(start + 1, place - 1);
  };
  const note = (at: string, from: number): void => {
    const matches = at === "" || wanted === at || wanted.startsWith(`${at}/`);
    if (matches && at.length > bestLength) [best, bestLength] = [[from, place], at.length];
  };
  const readValue = (at: string): void => {
    skipSpace();
    const from = place;
    const open = text[place];
    if (open === "{" || open === "[") readMembers(at, open === "{" ? "}" : "]");
    else if (open === '"') readString();
    else while (place < text.length && !/[\s,\]}]/.test(text[place]!)) place++;
    note(at, from);
  };
  const readMembers = (at: string, close: string): void => {
    place++;
    for (let index = 0; place < text.length; index++) {
      skipSpace();
      if (text[place] === ",") place++;
      skipSpace();
      if (text[place] === close || place >= text.length) break;
      let name = String(index);
      if (close === "}") {
        name = readString();
        skipSpace();
        place++;
      }
      readValue(at ? `${at}/${name}` : name);
    }
    place++;
  };

  readValue("");
  return bestLength > 0 ? best : [0, 0];
}
