import { keepLogEnd } from "./log";
import { morph } from "./morph";

const RETRY_MS = 1_500;
const OFF_AFTER_MS = 700;

let source: EventSource | null = null;
let timer = 0;

/** (Re)open the page's event stream, as its content names it; none while the tab is hidden. */
export function startLive(): void {
  connect();
  document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
}

/** Follow what the content names now: called after the content was replaced. */
export function restartLive(): void {
  disconnect();
  connect();
}

function disconnect(): void {
  clearTimeout(timer);
  source?.close();
  source = null;
}

function connect(): void {
  const url = document.querySelector<HTMLElement>("[data-live]")?.dataset.live;
  if (!url || document.hidden || source) return;
  const opened = (source = new EventSource(url));
  opened.addEventListener("html", (event) => {
    clearTimeout(timer);
    show("on");
    apply((event as MessageEvent<string>).data);
  });
  opened.addEventListener("end", () => {
    opened.close();
    clearTimeout(timer);
    show("ended");
  });
  opened.onerror = () => {
    if (opened !== source) return;
    // A stream that the browser gives up on (an error answer) is opened again by hand.
    if (opened.readyState === EventSource.CLOSED) void leaveIfSignedOut();
    disconnect();
    const since = Date.now();
    timer = window.setTimeout(function again() {
      if (Date.now() - since >= OFF_AFTER_MS) show("off");
      connect();
    }, RETRY_MS);
    window.setTimeout(() => source?.readyState !== EventSource.OPEN && show("off"), OFF_AFTER_MS);
  };
}

/** Where the page itself would now lead to the sign-in form, go there. */
async function leaveIfSignedOut(): Promise<void> {
  const answer = await fetch(location.href, { redirect: "manual" }).catch(() => null);
  if (answer?.type === "opaqueredirect") location.reload();
}

function show(state: "on" | "off" | "ended"): void {
  const dot = document.getElementById("live-dot");
  if (!dot || dot.dataset.state === state) return;
  dot.dataset.state = state;
  dot.textContent = { on: "Live", off: "reconnecting…", ended: "" }[state];
  dot.hidden = state === "ended";
}

function apply(html: string): void {
  const template = document.createElement("template");
  template.innerHTML = html;
  keepLogEnd(() => {
    for (const newer of [...template.content.children]) {
      const current = newer.id ? document.getElementById(newer.id) : null;
      if (current && current.outerHTML !== newer.outerHTML) morph(current, newer);
    }
  });
}
