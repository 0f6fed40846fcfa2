const INDENT = "  ";

/** JSON text with two spaces a level; every number and string stays as it is written. */
export function indent(json: string): string {
  const tokens = json.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  let level = 0;
  return tokens
    .map((token, at) => {
      const before = tokens[at - 1];
      const closes = token === "}" || token === "]";
      if (closes) level -= 1;
      const empty = closes && (before === "{" || before === "[");
      const breaks = (before === "{" || before === "[" || before === "," || closes) && !empty;
      if (token === "{" || token === "[") level += 1;
      const depth = token === "{" || token === "[" ? level - 1 : level;
      return `${breaks ? `\n${INDENT.repeat(depth)}` : ""}${token}${token === ":" ? " " : ""}`;
    })
    .join("");
}
