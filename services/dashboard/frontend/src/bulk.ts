import { ApiError, call } from "./api";
import { dialog, openDialog, part, toast } from "./dialogs";
import { now, plural } from "./format";
import { restartLive } from "./live";

type Action = "cancel" | "retry";

interface Asked {
  action: Action;
  filter: Record<string, unknown>;
  from?: string;
  version?: string;
}

const VERBS = { cancel: "Cancel", retry: "Retry" };
let asked: Asked | null = null;
let turn = 0;

/** "Cancel all" and "Retry all" of a list's filters: count first, confirm, then the page shows how far it is. */
export function startBulk(): void {
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    const opener = target.closest<HTMLElement>("[data-bulk]");
    if (opener) void ask(opener);
    const stopper = target.closest<HTMLButtonElement>("[data-bulk-stop]");
    if (stopper) void stop(stopper);
  });
  document.addEventListener("change", (event) => {
    if ((event.target as Element).closest("#bulk [data-part=retry]")) void count();
  });
  document.addEventListener("submit", (event) => {
    if (!(event.target as Element).closest("#bulk")) return;
    event.preventDefault();
    void send();
  });
}

async function ask(opener: HTMLElement): Promise<void> {
  const action = opener.dataset.bulk as Action;
  const within = opener.closest<HTMLElement>("[data-filter]")!;
  const filter = JSON.parse(within.dataset.filter!) as Record<string, unknown>;
  if (within.dataset.sinceMs) filter.from = Math.round(now()) - Number(within.dataset.sinceMs);
  asked = { action, filter: Object.keys(filter).length ? filter : { all: true } };
  part(dialog("bulk"), "retry").hidden = action === "cancel";
  if (opener.dataset.from) select("bulk-from").value = opener.dataset.from;
  await count();
}

/** Ask how many it would be, and say so in the dialog. */
async function count(): Promise<void> {
  if (!asked) return;
  if (asked.action === "retry") {
    asked.from = select("bulk-from").value;
    asked.version = select("bulk-version").value;
  }
  const mine = ++turn;
  try {
    const found = await call<{ count: number }>("POST", "/executions/bulk", { ...asked, dryRun: true });
    if (mine === turn) show(asked.action, found.count);
  } catch (error) {
    if (mine === turn) show(asked.action, 0, reason(error));
  }
  openDialog("bulk");
}

function show(action: Action, found: number, error = ""): void {
  const within = dialog("bulk");
  const many = plural(found, "execution");
  const words = found ? `${VERBS[action]} ${many}` : `Nothing to ${action}`;
  const go = part(within, "go") as HTMLButtonElement;
  part(within, "title").textContent = found ? `${words}?` : words;
  part(within, "text").textContent = meaning(found);
  part(within, "error").textContent = error;
  go.textContent = words;
  go.hidden = found === 0;
  go.disabled = false;
  go.className = `btn ${action === "cancel" ? "danger" : "primary"}`;
}

function meaning(found: number): string {
  const which = asked?.filter.all ? "There are no filters: this means every run that you may see and that" : "This means every run that matches the filters and that";
  if (asked?.action === "cancel") return found ? `${which} is not over. What runs is stopped at once.` : "No run of this list is queued, running or waiting.";
  if (asked?.from === "start") return found ? `${which} is over. All steps run again.` : "No run of this list is over.";
  return found
    ? `${which} failed or was canceled and was not retried yet. What has succeeded is reused.`
    : "No run of this list failed or was canceled without having been retried already.";
}

async function send(): Promise<void> {
  const within = dialog("bulk");
  const go = part(within, "go") as HTMLButtonElement;
  go.disabled = true;
  try {
    await call("POST", "/executions/bulk", asked);
    within.close();
    restartLive();
  } catch (error) {
    go.disabled = false;
    part(within, "error").textContent = reason(error);
  }
}

async function stop(button: HTMLButtonElement): Promise<void> {
  button.disabled = true;
  try {
    await call("POST", `/executions/bulk/${button.dataset.bulkStop}/cancel`);
    restartLive();
  } catch (error) {
    toast(reason(error), true);
  }
}

function select(id: string): HTMLSelectElement {
  return document.getElementById(id) as HTMLSelectElement;
}

function reason(error: unknown): string {
  if (!(error instanceof ApiError)) return "The request could not be sent.";
  return error.problems.length ? error.problems.map((each) => each.message).join(" ") : error.message;
}
