import { type RawJson, call } from "./api";
import { icon } from "./icons";

interface Tried {
  ok: boolean;
  message: string;
}

/** The Test button of a credential: tries what is typed, and says in a sentence what came of it. */
export class Trial {
  private readonly button: HTMLButtonElement | null;
  private readonly line: HTMLElement;
  private turn = 0;

  constructor(
    form: HTMLFormElement,
    private readonly attempt: () => [string, RawJson] | undefined,
    private readonly fail: (error: unknown) => void,
  ) {
    this.button = form.querySelector("[data-try]");
    this.line = document.getElementById("credential-tried")!;
  }

  start(): void {
    this.button?.addEventListener("click", () => void this.run());
  }

  /** What was tried is not what is typed any more. */
  forget(): void {
    this.turn++;
    this.line.replaceChildren();
  }

  private async run(): Promise<void> {
    if (this.button?.ariaDisabled === "true") return;
    this.forget();
    const mine = this.turn;
    this.busy(true);
    try {
      const asked = this.attempt();
      if (asked === undefined) return;
      const tried = await call<Tried>("POST", ...asked);
      if (mine === this.turn) this.show(tried);
    } catch (error) {
      this.fail(error);
    } finally {
      this.busy(false);
    }
  }

  private busy(busy: boolean): void {
    const button = this.button!;
    // It keeps the focus: a disabled button would lose it.
    button.ariaDisabled = busy ? "true" : null;
    const label = document.createElement("span");
    label.textContent = busy ? "Trying…" : "Test";
    button.replaceChildren(icon(busy ? "spinner" : "flask", busy ? "spin" : ""), label);
  }

  private show({ ok, message }: Tried): void {
    const text = document.createElement("span");
    text.textContent = message;
    this.line.className = `tried grow tone ${ok ? "s-success" : "s-failed"}`;
    this.line.replaceChildren(icon(ok ? "check" : "x"), text);
  }
}
