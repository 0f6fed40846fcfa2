import { ago, duration, now, until } from "./format";

/** Keep relative times and running clocks moving between two updates of the server. */
export function startTimes(): void {
  tick();
  setInterval(tick, 1_000);
}

function tick(): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-ago]")) {
    const at = Number(element.dataset.ago);
    write(element, ago(at));
    element.title = new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
  }
  for (const element of document.querySelectorAll<HTMLElement>("[data-until]")) {
    write(element, until(Number(element.dataset.until)));
  }
  for (const element of document.querySelectorAll<HTMLElement>("[data-since]")) {
    write(element, duration(Math.max(0, now() - Number(element.dataset.since))));
  }
}

function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
