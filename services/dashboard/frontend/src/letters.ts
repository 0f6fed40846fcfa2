import { ApiError, call } from "./api";
import { dialog, openDialog, part, toast } from "./dialogs";
import { now, number, plural } from "./format";
import { restartLive } from "./live";

type Action = "redrive" | "dismiss";

interface Answer {
  redriven?: number;
  dismissed?: number;
  refused?: { reason: string }[];
  nextCursor: string | null;
}

const VERBS = { redrive: "Redrive", dismiss: "Dismiss" };
const DONE = { redrive: "Redriven", dismiss: "Dismissed" };
const MEANINGS = {
  redrive: "Each of these runs is done again by a new one: what has succeeded is reused, what failed runs with the same input.",
  dismiss: "Nothing will be done about these runs. They stay in the list of those dismissed, from where one can still be redriven.",
};
interface Asked {
  action: Action;
  /** One letter by its id, or those of a filter. */
  which: string | Record<string, unknown>;
  count: number;
}

let asked: Asked | null = null;

/** Redrive and dismiss dead letters, one or all of a cause. The live stream shows what follows. */
export function startLetters(): void {
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    const opener = target.closest<HTMLButtonElement>("[data-letters]");
    if (opener?.dataset.letters === "dismiss" && opener.dataset.id) void dismiss(opener);
    else if (opener) ask(opener);
  });
  document.addEventListener("submit", (event) => {
    if (!(event.target as Element).closest("#act-on-letters")) return;
    event.preventDefault();
    void send();
  });
}

/** One is dismissed at once: it can still be redriven. */
async function dismiss(button: HTMLButtonElement): Promise<void> {
  button.disabled = true;
  try {
    await call("POST", `/dead-letters/${button.dataset.id}/dismiss`);
    toast(DONE.dismiss);
  } catch (error) {
    button.disabled = false;
    toast(reason(error), true);
  }
  restartLive();
}

function ask(opener: HTMLElement): void {
  const action = opener.dataset.letters as Action;
  // What fails while the question is open was not part of it.
  const filter = (): Record<string, unknown> => ({ ...(JSON.parse(opener.dataset.filter!) as object), to: Math.ceil(now()) });
  asked = { action, which: opener.dataset.id ?? filter(), count: Number(opener.dataset.count ?? 1) };
  const words = `${VERBS[action]} ${plural(asked.count, "run")}`;
  const go = part(found(), "go") as HTMLButtonElement;
  part(found(), "title").textContent = `${words}?`;
  part(found(), "text").textContent = MEANINGS[action];
  part(found(), "error").textContent = "";
  part(found(), "progress").hidden = true;
  part(found(), "version").hidden = action === "dismiss";
  go.textContent = words;
  go.disabled = false;
  go.className = `btn ${action === "redrive" ? "primary" : "danger"}`;
  openDialog("act-on-letters");
  go.focus();
}

async function send(): Promise<void> {
  if (!asked) return;
  const go = part(found(), "go") as HTMLButtonElement;
  go.disabled = true;
  try {
    const [done, refused] = await all(asked);
    const text = typeof asked.which === "string" ? DONE[asked.action] : `${DONE[asked.action]} ${number(done)}`;
    if (refused) part(found(), "error").textContent = `${text}. The others are still open: ${refused}`;
    else {
      found().close();
      toast(text);
    }
  } catch (error) {
    go.disabled = false;
    part(found(), "error").textContent = reason(error);
  }
  restartLive();
}

/** Call after call until none is left; how many were done, and why others were not. */
async function all({ action, which, count }: Asked): Promise<[number, string]> {
  const version = action === "redrive" ? { version: (document.getElementById("letters-version") as HTMLSelectElement).value } : {};
  if (typeof which === "string") return [await call("POST", `/dead-letters/${which}/${action}`, version).then(() => 1), ""];
  const progress = part(found(), "progress") as HTMLProgressElement;
  progress.max = Math.max(count, 1);
  let done = 0;
  let refused = "";
  let cursor: string | null = null;
  do {
    progress.value = done;
    progress.hidden = false;
    const answer: Answer = await call<Answer>("POST", `/dead-letters/${action}`, { filter: which, ...version, ...(cursor && { cursor }) });
    done += answer.redriven ?? answer.dismissed ?? 0;
    refused ||= answer.refused?.[0]?.reason ?? "";
    cursor = answer.nextCursor;
  } while (cursor && found().open);
  return [done, refused];
}

function found(): HTMLDialogElement {
  return dialog("act-on-letters");
}

function reason(error: unknown): string {
  if (!(error instanceof ApiError)) return "The request could not be sent.";
  return error.problems.length ? error.problems.map((each) => each.message).join(" ") : error.message;
}
