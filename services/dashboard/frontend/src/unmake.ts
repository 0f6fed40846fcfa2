import { ApiError, call } from "./api";
import { dialog, part, toastNext } from "./dialogs";

/** The dialog that deletes a credential: asks once, and once more where workflows still use it. */
export function startDeleting(): void {
  document.addEventListener("submit", (event) => {
    if (!(event.target as Element).closest("#delete-credential")) return;
    event.preventDefault();
    void remove();
  });
}

async function remove(): Promise<void> {
  const within = dialog("delete-credential");
  const go = part(within, "go") as HTMLButtonElement;
  const force = within.dataset.force !== undefined ? "?force=true" : "";
  go.disabled = true;
  try {
    await call("DELETE", `/credentials/${within.dataset.id}${force}`);
    toastNext("Deleted");
    location.assign("/credentials");
  } catch (error) {
    if (error instanceof ApiError && error.status === 409 && !force) ask(within, error);
    else part(within, "error").textContent = error instanceof ApiError ? error.message : "The request could not be sent.";
  } finally {
    go.disabled = false;
  }
}

function ask(within: HTMLDialogElement, error: ApiError): void {
  const used = part(within, "used");
  within.dataset.force = "";
  within.addEventListener("close", () => forget(within), { once: true });
  part(within, "error").textContent = "Workflows still use it. Without it, their steps fail with CREDENTIAL_NOT_FOUND.";
  part(within, "go").textContent = "Delete all the same";
  used.hidden = error.problems.length === 0;
  used.replaceChildren(...error.problems.map(({ path, message }) => item(path, message)));
}

/** Asked again, it asks from the beginning. */
function forget(within: HTMLDialogElement): void {
  delete within.dataset.force;
  part(within, "error").textContent = "";
  part(within, "go").textContent = "Delete";
  part(within, "used").hidden = true;
}

function item(id: string, name: string): HTMLLIElement {
  const line = document.createElement("li");
  const link = document.createElement("a");
  link.href = `/workflows/${id}`;
  link.className = "link";
  link.textContent = name;
  line.append(link);
  return line;
}
