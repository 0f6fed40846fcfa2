import { ApiError, RawJson, call, type Problem } from "./api";
import { toast } from "./dialogs";
import { indent } from "./indent";
import { locate } from "./locate";
import { placeOf } from "./place";
import { ticks } from "./ticks";

const CHECK_MS = 400;

interface Saved {
  id: string;
  revision: number;
}

/** The JSON editor: checks while one types, saves drafts (also with problems), publishes what has none. */
export function startEditor(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-editor]");
  if (form) new Editor(form).start();
}

class Editor {
  private readonly text: HTMLTextAreaElement;
  private readonly nameField: HTMLInputElement;
  private dirty = false;
  private checking = 0;
  /** The text that the server has; none yet for a new workflow. */
  private stored: string | undefined;

  constructor(private readonly form: HTMLFormElement) {
    this.text = form.querySelector<HTMLTextAreaElement>("textarea[name=definition]")!;
    this.stored = form.dataset.workflow === undefined ? undefined : this.text.value;
    this.nameField = form.querySelector<HTMLInputElement>("input[name=name]")!;
  }

  start(): void {
    this.form.addEventListener("input", (event) => {
      if ((event.target as Element).matches("[data-narrow]")) return;
      this.mark("Not saved");
      this.dirty = true;
      clearTimeout(this.checking);
      this.checking = window.setTimeout(() => void this.check(), CHECK_MS);
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const button = event.submitter as HTMLButtonElement | null;
      void this.save(button?.value === "publish");
    });
    this.form.querySelector("[data-format]")?.addEventListener("click", () => this.format());
    this.text.addEventListener("keyup", () => this.showPlace());
    this.text.addEventListener("click", () => this.showPlace());
    window.addEventListener("beforeunload", (event) => this.dirty && event.preventDefault());
    document.addEventListener("keydown", (event) => {
      if (event.key !== "s" || !(event.metaKey || event.ctrlKey)) return;
      event.preventDefault();
      void this.save(false);
    });
    void this.check();
  }

  private parse(): RawJson | undefined {
    try {
      return RawJson.of(this.text.value);
    } catch (error) {
      this.show([{ path: "", message: `This is not valid JSON: ${(error as Error).message}` }]);
      return undefined;
    }
  }

  private async check(): Promise<void> {
    const definition = this.parse();
    if (definition === undefined) return;
    const asked = this.text.value;
    try {
      await call("POST", "/workflows/validate", RawJson.object({ definition }));
      if (asked === this.text.value) this.show([]);
    } catch (error) {
      if (error instanceof ApiError && asked === this.text.value) this.show(this.problemsOf(error));
    }
  }

  private problemsOf(error: ApiError): Problem[] {
    return error.problems.length ? error.problems : [{ path: "", message: error.message }];
  }

  private async save(publish: boolean): Promise<void> {
    const definition = this.parse();
    if (definition === undefined || !this.named()) return;
    this.mark("Saving…");
    const asked = this.text.value;
    try {
      const saved = await this.store(definition);
      this.dirty = false;
      this.stored = asked;
      this.form.dataset.revision = String(saved.revision);
      const isNew = this.form.dataset.workflow === undefined;
      // From here on it exists, whatever publishing says: the next save changes it.
      this.form.dataset.workflow = saved.id;
      if (isNew) history.replaceState(null, "", `/workflows/${saved.id}/edit`);
      if (publish) await call("POST", `/workflows/${saved.id}/publish`, {});
      if (publish || isNew) location.assign(`/workflows/${saved.id}${publish ? "" : "/edit"}`);
      else this.mark("Saved");
    } catch (error) {
      this.mark(this.dirty ? "Not saved" : "Saved as a draft");
      const failed = error as ApiError;
      if (failed.problems?.length) this.show(failed.problems);
      const advice = failed.status === 412 ? "Somebody else saved this workflow meanwhile. Copy your text, reload, and add it again." : failed.message;
      toast(advice, true);
    }
  }

  private store(definition: RawJson): Promise<Saved> {
    const description = this.form.querySelector<HTMLInputElement>("input[name=description]")!.value;
    const changed = this.text.value === this.stored ? undefined : definition;
    const body = RawJson.object({ name: this.nameField.value.trim(), description, definition: changed, draft: true });
    const id = this.form.dataset.workflow;
    if (id === undefined) return call<Saved>("POST", "/workflows", body);
    return call<Saved>("PUT", `/workflows/${id}`, body, { "If-Match": `"${this.form.dataset.revision}"` });
  }

  private named(): boolean {
    const missing = this.nameField.value.trim() === "";
    const error = document.getElementById("name-error")!;
    error.hidden = !missing;
    error.textContent = missing ? "Give the workflow a name." : "";
    this.nameField.setAttribute("aria-invalid", String(missing));
    if (missing) this.nameField.focus();
    return !missing;
  }

  private show(problems: Problem[]): void {
    const badge = document.getElementById("problems-badge")!;
    badge.className = `badge plain ${problems.length ? "s-failed" : "s-success"}`;
    badge.textContent = problems.length ? `${problems.length} to solve` : "None";
    this.text.setAttribute("aria-invalid", String(problems.length > 0));
    const definition = this.definition();
    document.getElementById("problems")!.replaceChildren(...problems.map((each) => this.item(each, placeOf(definition, each.path))));
  }

  /** What names of places are looked up in; numbers may be rounded here. */
  private definition(): unknown {
    try {
      return JSON.parse(this.text.value);
    } catch {
      return undefined;
    }
  }

  private item(problem: Problem, place: string): HTMLLIElement {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const where = document.createElement("code");
    const message = document.createElement("span");
    button.type = "button";
    button.title = problem.path;
    where.textContent = place;
    message.append(...ticks(problem.message));
    button.append(where, message);
    button.addEventListener("click", () => this.jump(problem.path));
    item.append(button);
    return item;
  }

  private jump(path: string): void {
    const [from, to] = locate(this.text.value, path);
    this.text.focus();
    this.text.setSelectionRange(from, to);
    const line = this.text.value.slice(0, from).split("\n").length;
    const height = parseFloat(getComputedStyle(this.text).lineHeight);
    this.text.scrollTop = Math.max(0, line * height - this.text.clientHeight / 2);
    this.showPlace();
  }

  private format(): void {
    const definition = this.parse();
    if (definition !== undefined) this.text.value = indent(definition.text);
  }

  private showPlace(): void {
    const lines = this.text.value.slice(0, this.text.selectionStart).split("\n");
    document.getElementById("cursor-at")!.textContent = `Line ${lines.length}, column ${lines.at(-1)!.length + 1}`;
  }

  private mark(text: string): void {
    document.getElementById("editor-state")!.textContent = text;
  }
}
