import { RawJson, type Problem } from "./api";

type Control = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

/** What is typed is no value of its field; `field` is the one. */
export class NoValue extends Error {
  constructor(
    readonly field: string,
    message: string,
  ) {
    super(message);
  }
}

/** The fields of a type, as the server drew them: what they hold, what of it is new, and what is wrong with it. */
export class Fields {
  private readonly before = new Map<string, string>();

  constructor(private readonly form: HTMLFormElement) {}

  /** Show stored values and say which secrets there are; from here on only what differs counts as changed. */
  fill(values: Record<string, unknown>, secrets: Record<string, boolean>): void {
    for (const box of this.boxes()) {
      const name = box.dataset.field!;
      const control = controlOf(box);
      const value = values[name];
      if (value !== undefined && value !== null && !isSecret(box)) control.value = shown(box, value);
      if (isSecret(box)) this.clear(box, secrets[name] === true);
      this.before.set(name, control.value);
    }
  }

  /** What to send: everything that is not empty, or after `fill` what differs from it; null for what was emptied. */
  changed(): RawJson | undefined {
    const found: Record<string, unknown> = {};
    for (const box of this.boxes()) {
      const name = box.dataset.field!;
      const text = controlOf(box).value;
      const before = this.before.get(name);
      if (removing(box)?.checked) found[name] = null;
      else if (text !== (before ?? "")) found[name] = text === "" ? null : parsed(box, text);
    }
    return Object.keys(found).length ? RawJson.object(found) : undefined;
  }

  /** The required ones that are empty, as the API would say it. */
  missing(): Problem[] {
    return this.boxes()
      .filter((box) => controlOf(box).required && controlOf(box).value === "")
      .map((box) => ({ path: `fields.${box.dataset.field}`, message: "This is needed." }));
  }

  private clear(box: HTMLElement, stored: boolean): void {
    const control = controlOf(box) as HTMLInputElement | HTMLTextAreaElement;
    const line = box.querySelector<HTMLElement>("[data-part=stored]");
    const remove = removing(box);
    control.value = "";
    control.placeholder = stored ? "••••••••" : "";
    control.required = !stored && box.dataset.required !== undefined;
    if (line) line.hidden = !stored;
    if (remove) remove.checked = false;
  }

  private boxes(): HTMLElement[] {
    return [...this.form.querySelectorAll<HTMLElement>("[data-field]")];
  }
}

/** The text area, input or select of a field. */
export function controlOf(box: Element): Control {
  return box.querySelector<Control>("input:not([data-part]), textarea, select")!;
}

function removing(box: Element): HTMLInputElement | null {
  return box.querySelector<HTMLInputElement>("[data-part=remove]");
}

function isSecret(box: HTMLElement): boolean {
  return box.dataset.secret !== undefined;
}

function shown(box: HTMLElement, value: unknown): string {
  if (box.dataset.kind === "choice") return JSON.stringify(value);
  if (box.dataset.kind === "json") return JSON.stringify(value, null, 2);
  return String(value);
}

/** Numbers, choices and JSON are sent as they were typed. Throws NoValue. */
function parsed(box: HTMLElement, text: string): unknown {
  if (box.dataset.kind === "text") return text;
  try {
    return RawJson.of(text);
  } catch (error) {
    const what = box.dataset.kind === "number" ? "Type a number." : `This is not valid JSON: ${(error as Error).message}`;
    throw new NoValue(box.dataset.field!, what);
  }
}
