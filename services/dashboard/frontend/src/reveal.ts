/** Buttons that show what is being typed into a secret field, and hide it again. */
export function startRevealing(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLButtonElement>("[data-reveal]");
    if (button) reveal(button, button.ariaPressed !== "true");
  });
}

/** Hide everything again: what was saved is not to be read over a shoulder. */
export function hideAll(within: Element): void {
  for (const button of within.querySelectorAll<HTMLButtonElement>("[data-reveal]")) reveal(button, false);
}

function reveal(button: HTMLButtonElement, shown: boolean): void {
  const field = document.getElementById(button.dataset.reveal!)!;
  if (field instanceof HTMLInputElement) field.type = shown ? "text" : "password";
  else field.classList.toggle("unseen", !shown);
  button.ariaPressed = String(shown);
}
