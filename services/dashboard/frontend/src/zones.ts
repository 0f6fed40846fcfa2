/** What a clock on the wall of a time zone shows, "2026-11-28T09:00:00"; `at` in ms since the epoch. Throws RangeError for an unknown zone. */
export function wallOf(at: number, zone: string): string {
  // Swedish writes dates as ISO 8601 does.
  return new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" }).format(at).replace(" ", "T");
}

/** Milliseconds since the epoch when the wall shows this; NaN for what is no time. Where the clock is changed, one of the moments near it. */
export function momentOf(wall: string, zone: string): number {
  const asIfUtc = Date.parse(`${wall}Z`);
  if (Number.isNaN(asIfUtc)) return NaN;
  const near = asIfUtc - aheadMs(asIfUtc, zone);
  return asIfUtc - aheadMs(near, zone);
}

function aheadMs(at: number, zone: string): number {
  return Date.parse(`${wallOf(at, zone)}Z`) - Math.floor(at / 1_000) * 1_000;
}
