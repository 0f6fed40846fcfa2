import type { Problem } from "./api";
import { part } from "./dialogs";
import { controlOf } from "./fields";
import { ticks } from "./ticks";

/** Says what is wrong with a form: at the field (`fields.password`, `hosts[0]`), else below all of them. */
export class FormProblems {
  constructor(private readonly form: HTMLFormElement) {}

  clear(): void {
    document.getElementById("credential-error")!.textContent = "";
    for (const box of this.form.querySelectorAll<HTMLElement>("[data-field], [data-top]")) sayAt(box, "");
  }

  /** Show each problem where it belongs and go to the first; `detail` is what there is to say without any. */
  show(problems: Problem[], detail: string): void {
    const rest: string[] = problems.length ? [] : [detail];
    const wrong = new Map<HTMLElement, string[]>();
    for (const { path, message } of problems) {
      const box = this.boxOf(path);
      if (box) wrong.set(box, [...(wrong.get(box) ?? []), message]);
      else rest.push(message);
    }
    for (const [box, messages] of wrong) sayAt(box, messages.join(" "));
    document.getElementById("credential-error")!.replaceChildren(...ticks(rest.join(" ")));
    const first = [...this.form.querySelectorAll<HTMLElement>("[data-field], [data-top]")].find((box) => wrong.has(box));
    if (first) controlOf(first).focus();
  }

  /** Something that is wrong before anybody has typed; "" takes it away. */
  warn(text: string): void {
    const line = document.getElementById("credential-problem")!;
    part(line, "text").replaceChildren(...ticks(text));
    line.hidden = text === "";
  }

  private boxOf(path: string): HTMLElement | undefined {
    const [top, name] = path.split(/[.[\]]+/);
    const boxes = [...this.form.querySelectorAll<HTMLElement>("[data-field], [data-top]")];
    return boxes.find((box) => (top === "fields" ? box.dataset.field === name : box.dataset.top === top));
  }
}

/** Say below a field what is wrong with it; "" takes that away. */
export function sayAt(box: Element, text: string): void {
  const line = part(box, "error");
  line.replaceChildren(...ticks(text.charAt(0).toUpperCase() + text.slice(1)));
  line.hidden = text === "";
  controlOf(box).setAttribute("aria-invalid", String(text !== ""));
}
