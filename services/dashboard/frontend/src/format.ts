const UNITS: [number, string][] = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];

// The server's clock decides: a browser with a wrong clock shows the right "ago".
const skewMs = Number(document.documentElement.dataset.now ?? Date.now()) - Date.now();

/** Milliseconds since the epoch by the server's clock. */
export function now(): number {
  return Date.now() + skewMs;
}

/** 412 ms, 1.8 s, 2 min 3 s, 3 h 12 min, 2 d 4 h: the same words as the server's filter `duration`. */
export function duration(ms: number | null): string {
  if (ms === null) return "–";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  const place = seconds < 3_600 ? 2 : seconds < 86_400 ? 1 : 0;
  const [large, largeUnit] = UNITS[place]!;
  const [small, smallUnit] = UNITS[place + 1]!;
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)} ${largeUnit}${rest ? ` ${rest} ${smallUnit}` : ""}`;
}

/** "1.8s": the Run button's words for a success. */
export function short(ms: number): string {
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)}s` : duration(ms);
}

/** "2 min ago". */
export function ago(ms: number): string {
  const seconds = Math.max(0, Math.floor((now() - ms) / 1_000));
  if (seconds < 5) return "just now";
  const [size, unit] = UNITS.find(([each]) => seconds >= each)!;
  return `${Math.floor(seconds / size)} ${unit} ago`;
}

/** "in 2 min 3 s": the same words as the server's filter `until`. */
export function until(ms: number): string {
  const left = ms - now();
  return left < 1_000 ? "any moment" : `in ${duration(left)}`;
}

/** 12 480 with thin spaces. */
export function number(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** 1 run, 3 runs: the same words as the server's filter `plural`. */
export function plural(count: number, noun: string): string {
  return `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
}
