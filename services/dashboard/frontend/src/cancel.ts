import { ApiError, call } from "./api";
import { toast } from "./dialogs";

/** The Cancel button of an execution's page; the live stream shows what follows. */
export function startCancel(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLButtonElement>("[data-cancel]");
    if (button) void cancel(button);
  });
}

async function cancel(button: HTMLButtonElement): Promise<void> {
  button.disabled = true;
  try {
    await call("POST", `/executions/${button.dataset.cancel}/cancel`);
  } catch (error) {
    button.disabled = false;
    toast(error instanceof ApiError ? error.message : "The cancel could not be sent.", true);
  }
}
