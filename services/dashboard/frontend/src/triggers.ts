import { ApiError, call } from "./api";
import { toast } from "./dialogs";
import { redraw } from "./soft";

/** The buttons of triggers: pause, resume, run now; then the page shows what became of it. */
export function startTriggers(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLButtonElement>("button[data-trigger]");
    if (button) void act(button);
  });
}

async function act(button: HTMLButtonElement): Promise<void> {
  if (button.ariaDisabled === "true") return;
  // Not `disabled`, which would take the focus from who uses the keyboard.
  button.ariaDisabled = "true";
  try {
    await call("POST", button.dataset.trigger!);
    toast(button.dataset.done!);
    await redraw();
  } catch (error) {
    toast(error instanceof ApiError ? error.message : "The request could not be sent.", true);
  }
  button.ariaDisabled = null;
}
