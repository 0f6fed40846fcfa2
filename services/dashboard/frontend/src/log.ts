const NEAR_PX = 24;

/** Show the end of the log when the page opens. */
export function followLog(): void {
  toEnd();
}

/** Run `change`; a log that stood at its end stands at its end afterwards, one that was scrolled back stays put. */
export function keepLogEnd(change: () => void): void {
  const log = document.getElementById("log");
  const atEnd = !log || log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
  change();
  if (atEnd) toEnd();
}

function toEnd(): void {
  const log = document.getElementById("log");
  if (log) log.scrollTop = log.scrollHeight;
}
