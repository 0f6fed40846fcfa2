import { ApiError, call } from "./api";
import { toast } from "./dialogs";
import { sayStarted } from "./run";
import { redraw } from "./soft";

/** The buttons of triggers: pause, resume, run now; then the page shows what became of it. */
export function startTriggers(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLButtonElement>("button[data-trigger]");
    if (button && button.ariaDisabled !== "true") void act(button);
  });
}

async function act(button: HTMLButtonElement): Promise<void> {
  if (button.dataset.busy !== undefined) return;
  // Not `disabled`, which would take the focus from who uses the keyboard.
  button.ariaDisabled = "true";
  button.dataset.busy = "";
  try {
    const answer = await call<{ id: string }>("POST", button.dataset.trigger!);
    if (answer.id.startsWith("exec-")) sayStarted(answer.id, button);
    else toast(button.dataset.done!);
    delete button.dataset.busy;
    await redraw();
  } catch (error) {
    toast(error instanceof ApiError ? error.message : "The request could not be sent.", true);
  }
  delete button.dataset.busy;
  button.ariaDisabled = null;
}
