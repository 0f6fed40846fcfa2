const LISTS = new Set(["containers", "nodes", "triggers"]);

/** `containers[0].nodes[2].params.url` as people know it: `fetch · url`. What has neither id nor name keeps its path. */
export function placeOf(definition: unknown, path: string): string {
  const parts = path.match(/[^.[\]]+/g) ?? [];
  let value = definition;
  let id: string | undefined;
  let rest: string[] = parts;
  for (const [place, part] of parts.entries()) {
    if (part === "params") break;
    value = member(value, part);
    const own = member(value, "id") || member(value, "name");
    if (place === 0 || !LISTS.has(parts[place - 1]!) || typeof own !== "string" || own === "") continue;
    id = own;
    rest = parts.slice(place + 1);
  }
  if (id === undefined) return path || "definition";
  const field = written(rest[0] === "params" && rest.length > 1 ? rest.slice(1) : rest);
  return field ? `${id} · ${field}` : id;
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function written(parts: string[]): string {
  return parts.map((part, place) => (/^\d+$/.test(part) ? `[${part}]` : place ? `.${part}` : part)).join("");
}
