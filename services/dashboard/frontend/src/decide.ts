import { ApiError, call } from "./api";
import { toast } from "./dialogs";
import { restartLive } from "./live";

/** The form of a step that asks: approve or reject; the live stream shows what follows. */
export function startDeciding(): void {
  document.addEventListener("submit", (event) => {
    const form = (event.target as Element).closest<HTMLFormElement>("form[data-decide]");
    if (!form) return;
    event.preventDefault();
    const button = (event as SubmitEvent).submitter;
    if (button instanceof HTMLButtonElement) void decide(form, button.value);
  });
  // While somebody writes, no update of the page takes the comment away.
  document.addEventListener("input", (event) => {
    const form = (event.target as Element).closest<HTMLFormElement>("form[data-decide]");
    if (form) mark(form, (event.target as HTMLTextAreaElement).value !== "");
  });
}

async function decide(form: HTMLFormElement, decision: string): Promise<void> {
  const comment = String(new FormData(form).get("comment") ?? "").trim();
  enable(form, false);
  try {
    await call("POST", form.dataset.decide!, { decision, ...(comment && { comment }) });
    mark(form, false);
    toast(decision === "approve" ? "Approved" : "Rejected");
  } catch (error) {
    enable(form, true);
    if (error instanceof ApiError && error.status === 409) over(form);
    toast(error instanceof ApiError ? error.message : "The decision could not be sent.", true);
  }
}

/** Somebody else was first: the comment has nowhere to go, and what the page shows is old. */
function over(form: HTMLFormElement): void {
  mark(form, false);
  restartLive();
}

function enable(form: HTMLFormElement, enabled: boolean): void {
  for (const button of form.querySelectorAll("button")) button.disabled = !enabled;
}

function mark(form: HTMLFormElement, busy: boolean): void {
  if (busy) form.dataset.busy = "";
  else delete form.dataset.busy;
}
