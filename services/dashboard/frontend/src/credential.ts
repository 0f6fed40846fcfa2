import { ApiError, RawJson, call } from "./api";
import { toast, toastNext } from "./dialogs";
import { Fields, NoValue } from "./fields";
import { FormProblems } from "./problems";
import { hideAll } from "./reveal";
import { Trial } from "./trial";

interface Stored {
  id: string;
  revision: number;
  name: string;
  fields: Record<string, unknown>;
  secrets: Record<string, boolean>;
  problem?: string;
}

const CHANGED = "Somebody else changed this credential meanwhile. Reload the page to see how it is now, then make your change again.";
const KEEP = "Steps use it from now on.";

/** The form of a credential: new or stored, tried before it is saved. Secrets leave the page with the request. */
export function startCredential(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-credential]");
  if (form) new CredentialForm(form).start();
}

class CredentialForm {
  private readonly fields: Fields;
  private readonly problems: FormProblems;
  private readonly trial: Trial;
  private dirty = false;

  constructor(private readonly form: HTMLFormElement) {
    this.fields = new Fields(form);
    this.problems = new FormProblems(form);
    this.trial = new Trial(form, () => this.attempt(), (error) => this.fail(error));
  }

  start(): void {
    this.form.addEventListener("input", () => {
      this.dirty = true;
      this.trial.forget();
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.save();
    });
    window.addEventListener("beforeunload", (event) => this.dirty && event.preventDefault());
    this.trial.start();
    if (this.id !== undefined && this.form.dataset.type !== undefined) void this.load();
  }

  private get id(): string | undefined {
    return this.form.dataset.id;
  }

  /** The values that are not secret come from the API: the page itself opens no credential. */
  private async load(): Promise<void> {
    try {
      this.show(await call<Stored>("GET", `/credentials/${this.id}`));
    } catch (error) {
      this.problems.warn(`${reasonOf(error)} Reload the page to try again.`);
    }
  }

  private show(stored: Stored): void {
    this.form.dataset.revision = String(stored.revision);
    if (stored.problem) this.problems.warn(`${stored.problem} Enter its fields again.`);
    else this.fields.fill(stored.fields, stored.secrets);
  }

  private async save(): Promise<void> {
    const button = this.form.querySelector<HTMLButtonElement>("button[type=submit]")!;
    if (!this.complete(true)) return;
    button.disabled = true;
    try {
      const id = this.id;
      if (id === undefined) await this.create();
      else await this.update(id);
    } catch (error) {
      this.fail(error);
    } finally {
      button.disabled = false;
    }
  }

  private async create(): Promise<void> {
    const body = RawJson.object({ ...this.about(), type: this.form.dataset.type, fields: this.fields.changed() ?? {} });
    const made = await call<Stored>("POST", "/credentials", body);
    this.dirty = false;
    toastNext(`Created. ${KEEP}`);
    location.assign(`/credentials/${made.id}`);
  }

  private async update(id: string): Promise<void> {
    const body = RawJson.object({ ...this.about(), fields: this.fields.changed() });
    const stored = await call<Stored>("PUT", `/credentials/${id}`, body, { "If-Match": `"${this.form.dataset.revision}"` });
    this.dirty = false;
    hideAll(this.form);
    this.problems.warn("");
    this.show(stored);
    document.querySelector(".crumbs h1")!.textContent = stored.name;
    toast(`Saved. ${KEEP}`);
  }

  private about(): Record<string, unknown> {
    const value = (name: string): string => this.form.querySelector<HTMLInputElement>(`[name=${name}]`)!.value;
    const hosts = value("hosts").split(/[\n,]/).map((each) => each.trim()).filter(Boolean);
    const shared = this.form.querySelector<HTMLInputElement>("[name=shared]")!.checked;
    return { name: value("name").trim(), hosts, shared };
  }

  /** Whether nothing that is needed is empty; says so where it is. */
  private complete(named: boolean): boolean {
    const nameless = named && this.about().name === "";
    const missing = [...(nameless ? [{ path: "name", message: "Give it a name." }] : []), ...this.fields.missing()];
    this.problems.clear();
    if (missing.length) this.problems.show(missing, "");
    return missing.length === 0;
  }

  private attempt(): [string, RawJson] | undefined {
    if (!this.complete(false)) return undefined;
    const own = this.form.dataset.own !== undefined;
    const fields = own ? this.fields.changed() : undefined;
    const hosts = own ? this.about().hosts : undefined;
    if (this.id !== undefined) return [`/credentials/${this.id}/test`, RawJson.object({ fields, hosts })];
    return ["/credentials/test", RawJson.object({ type: this.form.dataset.type, fields: fields ?? {}, hosts })];
  }

  /** What stands in the way, at its field where it has one. */
  private fail(error: unknown): void {
    if (error instanceof NoValue) this.problems.show([{ path: `fields.${error.field}`, message: error.message }], "");
    else if (error instanceof ApiError && error.status === 412) this.problems.show([], CHANGED);
    else if (error instanceof ApiError && error.problems.length) this.problems.show(error.problems, error.message);
    else this.problems.show([], reasonOf(error));
  }
}

function reasonOf(error: unknown): string {
  return error instanceof ApiError ? error.message : "The request could not be sent.";
}
