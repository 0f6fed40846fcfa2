import { ApiError, RawJson, call, type Execution, isOver } from "./api";
import { dialog, hideToast, openDialog, part, toast } from "./dialogs";
import { short } from "./format";
import { icon } from "./icons";
import { showResult } from "./results";

type State = "ready" | "executing" | "success" | "failed";

const BACK_TO_READY_MS = 5_000;
const RETRY_MS = 1_000;
const running = new Map<string, string>(); // button id → execution id

/** Run buttons: start through the API, follow, show the result; and the dialog that asks for an input first. */
export function startRuns(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLButtonElement>("[data-run]");
    if (button && button.ariaDisabled !== "true") void press(button);
    const asking = (event.target as Element).closest<HTMLElement>("[data-run-input]");
    if (asking) askInput(asking);
  });
  document.addEventListener("submit", (event) => {
    if ((event.target as Element).closest("#run-input")) runWithInput(event);
  });
}

async function press(button: HTMLButtonElement, input?: RawJson): Promise<void> {
  const execution = running.get(button.id);
  if (button.dataset.state === "executing" && execution !== undefined) return cancel(button, execution);
  if (button.dataset.state === "executing") return;
  try {
    await run(button, input);
  } catch (error) {
    set(button, "ready");
    toast(error instanceof ApiError ? error.message : "The run could not be started.", true);
  } finally {
    running.delete(button.id);
    progress(button, null);
  }
}

async function run(button: HTMLButtonElement, input?: RawJson): Promise<void> {
  set(button, "executing");
  const body = RawJson.object({ input });
  const started = await call<Execution>("POST", `/workflows/${button.dataset.run}/executions`, body);
  running.set(button.id, started.id);
  sayStarted(started.id, button);
  const ended = await follow(started, (now) => progress(button, now));
  if (ended.status === "success") set(button, "success", short(ended.duration ?? 0));
  else set(button, ended.status === "failed" ? "failed" : "ready");
  hideToast();
  showResult(ended);
  window.setTimeout(() => button.dataset.state !== "executing" && set(button, "ready"), BACK_TO_READY_MS);
}

/** Say that a run has begun, with a link to it. */
export function sayStarted(execution: string, by: HTMLElement): void {
  toast("Started", false, { href: `/executions/${execution}`, text: "Open the run", by });
}

/** Ask until it is over; each question waits at the server until there is an end, or a second is gone. */
async function follow(execution: Execution, seen: (execution: Execution) => void): Promise<Execution> {
  let current = execution;
  while (!isOver(current)) {
    seen(current);
    try {
      current = await call<Execution>("GET", `/executions/${current.id}`, undefined, { Prefer: "wait=1" });
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 0 && error.status < 500)) throw error;
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
  return current;
}

async function cancel(button: HTMLButtonElement, execution: string): Promise<void> {
  button.disabled = true;
  try {
    await call("POST", `/executions/${execution}/cancel`);
  } catch (error) {
    // 409: it ended just before; the follower shows how.
    if (!(error instanceof ApiError && error.status === 409)) toast((error as Error).message, true);
  }
}

function set(button: HTMLButtonElement, state: State, text = ""): void {
  button.dataset.state = state;
  button.disabled = false;
  if (state === "ready") delete button.dataset.busy;
  else button.dataset.busy = "";
  const looks = { ready: ["play", "i-fill", "Run"], executing: ["stop", "", "Cancel"], success: ["check", "", text], failed: ["x", "", "Failed"] };
  const [name, className, label] = looks[state] as [string, string, string];
  const span = document.createElement("span");
  span.textContent = label;
  button.replaceChildren(icon(name, className), span);
}

function progress(button: HTMLButtonElement, execution: Execution | null): void {
  const bar = document.getElementById(`progress-${button.dataset.run}`) as HTMLProgressElement | null;
  if (!bar) return;
  bar.hidden = execution === null;
  if (execution === null) return delete bar.dataset.busy, undefined;
  bar.dataset.busy = "";
  bar.max = Math.max(1, execution.totalSteps);
  bar.value = execution.stepsResolved;
}

function askInput(asking: HTMLElement): void {
  const found = dialog("run-input");
  found.dataset.workflow = asking.dataset.runInput;
  part(found, "name").textContent = asking.dataset.name ?? "";
  problem("");
  openDialog("run-input");
  document.getElementById("run-input-text")!.focus();
}

function runWithInput(event: SubmitEvent): void {
  const text = (document.getElementById("run-input-text") as HTMLTextAreaElement).value;
  let input: RawJson;
  try {
    input = RawJson.of(text);
  } catch (error) {
    event.preventDefault();
    return problem(`This is not valid JSON: ${(error as Error).message}`);
  }
  const button = document.getElementById(`run-${dialog("run-input").dataset.workflow}`) as HTMLButtonElement | null;
  if (button) void press(button, input);
}

function problem(text: string): void {
  document.getElementById("run-input-error")!.textContent = text;
  document.getElementById("run-input-text")!.setAttribute("aria-invalid", String(text !== ""));
}
