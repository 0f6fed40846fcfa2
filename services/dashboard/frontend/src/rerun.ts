import { ApiError, RawJson, call, type Execution, text as read } from "./api";
import { dialog, openDialog, part } from "./dialogs";
import { indent } from "./indent";
import { locate } from "./locate";

/** "Run again" and "Retry from here" on an execution's page: ask from where, then go to the new run. */
export function startRerun(): void {
  document.addEventListener("click", (event) => {
    const opener = (event.target as Element).closest<HTMLElement>("[data-rerun]");
    if (opener && opener.ariaDisabled !== "true") ask(opener);
  });
  document.addEventListener("change", (event) => {
    if ((event.target as Element).id === "rerun-edit") void edit();
  });
  document.addEventListener("submit", (event) => {
    if (!(event.target as Element).closest("#rerun")) return;
    event.preventDefault();
    void send();
  });
}

function ask(opener: HTMLElement): void {
  const found = dialog("rerun");
  const step = opener.dataset.rerun ?? "";
  const status = opener.dataset.status;
  part(found, "failed").hidden = status === "success";
  part(found, "failed-name").textContent = status === "canceled" ? "where it was stopped" : "at the failed step";
  part(found, "step").hidden = step === "";
  part(found, "step-name").textContent = opener.dataset.name ?? "";
  part(found, "step").querySelector("input")!.value = step;
  const chosen = step !== "" ? step : status === "success" ? "start" : "failed";
  for (const choice of choices()) choice.checked = choice.value === chosen;
  problem("");
  openDialog("rerun");
  choices().find((choice) => choice.checked)?.focus();
}

function choices(): HTMLInputElement[] {
  return [...dialog("rerun").querySelectorAll<HTMLInputElement>("input[name=from]")];
}

/** Show the editor; the first time with the run's input exactly as it is stored. */
async function edit(): Promise<void> {
  const area = input();
  document.getElementById("rerun-editor")!.hidden = !editing();
  if (!editing() || area.dataset.loaded !== undefined) return;
  try {
    const record = await read(`/executions/${dialog("rerun").dataset.execution}`);
    const [from, to] = locate(record, "input");
    area.value = indent(record.slice(from, to));
    area.dataset.loaded = "";
    area.focus();
  } catch (error) {
    problem((error as Error).message);
  }
}

async function send(): Promise<void> {
  const found = dialog("rerun");
  let edited: RawJson | undefined;
  try {
    edited = editing() ? RawJson.of(input().value) : undefined;
  } catch (error) {
    input().setAttribute("aria-invalid", "true");
    input().focus();
    return problem(`This is not valid JSON: ${(error as Error).message}`);
  }
  const version = (document.getElementById("rerun-version") as HTMLSelectElement).value;
  const from = choices().find((choice) => choice.checked)?.value;
  const button = part(found, "go") as HTMLButtonElement;
  button.disabled = true;
  problem("");
  try {
    const body = RawJson.object({ from, version, input: edited });
    const started = await call<Execution>("POST", `/executions/${found.dataset.execution}/retry`, body);
    location.assign(`/executions/${started.id}`);
  } catch (error) {
    button.disabled = false;
    problem(error instanceof ApiError ? [error.message, ...error.problems.map((each) => each.message)].join(" ") : "The run could not be started.");
  }
}

function editing(): boolean {
  return (document.getElementById("rerun-edit") as HTMLInputElement).checked;
}

function input(): HTMLTextAreaElement {
  return document.getElementById("rerun-text") as HTMLTextAreaElement;
}

function problem(text: string): void {
  document.getElementById("rerun-error")!.textContent = text;
  if (text === "") input().removeAttribute("aria-invalid");
}
