import { ApiError, call } from "./api";
import { dialog, openDialog, part, toast } from "./dialogs";
import { now, plural } from "./format";
import { redraw } from "./soft";
import { momentOf, wallOf } from "./zones";

interface Counted {
  queued: number;
  already: number;
}

const DAY_MS = 86_400_000;
const TYPING_MS = 300;
let opener: HTMLElement | null = null;
let turn = 0;
let timer = 0;

/** "Backfill…" of a schedule: asks for a range in its time zone, says how many runs that means, starts them. */
export function startBackfill(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-backfill]");
    if (button) ask(button);
  });
  document.addEventListener("input", (event) => {
    if (!(event.target as Element).closest("#backfill")) return;
    clearTimeout(timer);
    hold();
    timer = window.setTimeout(() => void count(), TYPING_MS);
  });
  document.addEventListener("submit", (event) => {
    if (!(event.target as Element).closest("#backfill")) return;
    event.preventDefault();
    void send();
  });
}

function ask(button: HTMLElement): void {
  opener = button;
  const minute = Math.floor(now() / 60_000) * 60_000;
  part(found(), "name").textContent = button.dataset.name ?? "";
  part(found(), "zone").textContent = zone();
  part(found(), "paused").hidden = button.dataset.paused === undefined;
  field("from").value = wallOf(minute - DAY_MS, zone());
  field("to").value = wallOf(minute, zone());
  hold();
  openDialog("backfill");
  field("from").focus();
  void count();
}

/** What was counted is not what is entered now: nothing starts before that is counted too. */
function hold(): void {
  turn++;
  go().textContent = "Counting…";
  go().disabled = true;
}

/** Ask how many it would be, and say so. */
async function count(): Promise<void> {
  const mine = ++turn;
  const range = read();
  if (range === null) return;
  try {
    const answer = await call<Counted>("POST", opener!.dataset.backfill!, { ...range, dryRun: true });
    if (mine === turn) show(answer);
  } catch (error) {
    if (mine === turn) refuse(error);
  }
}

async function send(): Promise<void> {
  const by = opener!;
  clearTimeout(timer);
  turn++;
  const range = read();
  if (range === null) return;
  go().disabled = true;
  try {
    const answer = await call<Counted>("POST", by.dataset.backfill!, range);
    if (by === opener) found().close();
    toast(`${plural(answer.queued, "run")} will start`, false, { href: by.dataset.runs!, text: "Open the runs", by });
    await redraw();
  } catch (error) {
    if (by === opener) refuse(error);
  }
}

/** The range as it was entered; null, and said so, where it is none. */
function read(): { from: number; to: number } | null {
  const [from, to] = (["from", "to"] as const).map((name) => momentOf(field(name).value, zone()));
  if (Number.isNaN(from)) return say("from", "Enter a date and a time.");
  if (Number.isNaN(to)) return say("to", "Enter a date and a time.");
  if (to! < from!) return say("to", "The end is before the beginning.");
  if (from! > now()) return say("from", "This lies in the future: a backfill starts what was due by now.");
  return { from: from!, to: to! };
}

function say(path: string, message: string): null {
  refuse(new ApiError(0, message, [{ path, message }]));
  return null;
}

function show(answer: Counted): void {
  mark([]);
  const had = answer.already ? `, ${plural(answer.already, "firing")} had theirs` : "";
  part(found(), "count").textContent = answer.queued || answer.already ? `${plural(answer.queued, "run")} to start${had}` : "No firing in this range";
  part(found(), "error").textContent = "";
  go().textContent = answer.queued ? `Start ${plural(answer.queued, "run")}` : "Nothing to start";
  go().disabled = answer.queued === 0;
}

function refuse(error: unknown): void {
  const problems = error instanceof ApiError ? error.problems : [];
  mark(problems.map((each) => each.path));
  const texts = problems.length ? problems.map((each) => each.message) : [error instanceof ApiError ? error.message : "The request could not be sent."];
  part(found(), "count").textContent = "";
  part(found(), "error").textContent = texts.join(" ");
  go().textContent = "Backfill";
  go().disabled = problems.length > 0;
}

function mark(wrong: string[]): void {
  for (const name of ["from", "to"] as const) field(name).setAttribute("aria-invalid", String(wrong.includes(name)));
}

function zone(): string {
  return opener!.dataset.zone!;
}

function found(): HTMLDialogElement {
  return dialog("backfill");
}

function field(name: "from" | "to"): HTMLInputElement {
  return document.getElementById(`backfill-${name}`) as HTMLInputElement;
}

function go(): HTMLButtonElement {
  return part(found(), "go") as HTMLButtonElement;
}
