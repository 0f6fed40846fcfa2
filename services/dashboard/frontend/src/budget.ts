import { ApiError, RawJson, call, type Problem } from "./api";
import { dialog, openDialog, part, toast } from "./dialogs";
import { sayAt } from "./problems";
import { redraw } from "./soft";

const ID = "budget";
const LIMITS = ["maxTokens", "maxCostUsd"] as const;
type Name = (typeof LIMITS)[number];
const NUMBER = { maxTokens: /^0*[1-9]\d*$/, maxCostUsd: /^(\d+\.?\d*|\.\d+)$/ };
const TYPE = { maxTokens: "Type a whole number of at least 1, such as 200000.", maxCostUsd: "Type an amount, such as 2.50." };

/** Where the budgets of the opened dialog are, without the period. */
let path = "";

/** The dialog that adds, changes and removes budgets; then the page shows where they stand. */
export function startBudgets(): void {
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    const opener = target.closest<HTMLElement>("[data-budget]");
    if (opener) open(opener);
    if (target.closest(`#${ID} [data-part=remove]`)) void remove();
  });
  document.addEventListener("submit", (event) => {
    if (!(event.target as Element).closest("[data-budget-form]")) return;
    event.preventDefault();
    void save();
  });
}

function open(opener: HTMLElement): void {
  const { budget, period, set, free, tokens, cost } = opener.dataset;
  const within = dialog(ID);
  const choice = periodChoice();
  path = budget!;
  clear();
  part(within, "title").textContent = set === undefined ? "Add a budget" : `Budget by ${period}`;
  part(within, "periods").hidden = set !== undefined;
  part(within, "remove").hidden = set === undefined;
  for (const option of choice.options) option.hidden = option.disabled = free !== undefined && !free.split(" ").includes(option.value);
  choice.value = period!;
  field("maxTokens").value = tokens ?? "";
  field("maxCostUsd").value = cost ?? "";
  // While it is open, no update of the page takes away what is typed.
  part(within, "form").dataset.busy = "";
  within.addEventListener("close", () => delete part(within, "form").dataset.busy, { once: true });
  openDialog(ID);
  field(set !== undefined && tokens === "" ? "maxCostUsd" : "maxTokens").focus();
}

async function save(): Promise<void> {
  clear();
  const body: Record<string, unknown> = {};
  const problems: Problem[] = [];
  for (const name of LIMITS) {
    const typed = field(name).value.replace(name === "maxTokens" ? /[\s,]/g : /[\s$]/g, "");
    if (typed === "") continue;
    if (NUMBER[name].test(typed)) body[name] = RawJson.of(plain(typed));
    else problems.push({ path: name, message: TYPE[name] });
  }
  if (!problems.length && !Object.keys(body).length) problems.push({ path: LIMITS[0], message: "Give at least one of the two limits." });
  if (problems.length) return show(problems, "");
  await send("PUT", RawJson.object(body), "Saved. Steps ask it from now on.");
}

async function remove(): Promise<void> {
  clear();
  await send("DELETE", undefined, "Removed");
}

async function send(method: string, body: RawJson | undefined, done: string): Promise<void> {
  enable(false);
  try {
    await call(method, `${path}/${periodChoice().value}`, body);
    dialog(ID).close();
    toast(done);
    await redraw();
    // What opened the dialog may be gone: whoever uses the keyboard goes on from the card.
    if (document.activeElement === document.body) document.getElementById("budgets-title")?.focus();
  } catch (error) {
    if (error instanceof ApiError) show(error.problems, error.message);
    else show([], "The request could not be sent.");
  } finally {
    enable(true);
  }
}

/** Each problem at its field, with the focus at the first; what has no field below them. */
function show(problems: Problem[], detail: string): void {
  const known = LIMITS.filter((name) => problems.some((each) => top(each) === name));
  const rest = problems.filter((each) => !known.includes(top(each) as Name)).map((each) => each.message);
  for (const name of known) say(name, problems.find((each) => top(each) === name)!.message);
  part(dialog(ID), "problem").textContent = problems.length ? rest.join(" ") : detail;
  if (known[0]) field(known[0]).focus();
}

function say(name: Name, text: string): void {
  sayAt(field(name).closest("[data-top]")!, text);
}

function clear(): void {
  for (const name of LIMITS) say(name, "");
  part(dialog(ID), "problem").textContent = "";
}

function enable(enabled: boolean): void {
  for (const name of ["go", "remove"]) (part(dialog(ID), name) as HTMLButtonElement).disabled = !enabled;
}

function top(problem: Problem): string {
  return problem.path.split(/[.[]/)[0]!;
}

/** A number as JSON writes it: without leading zeros, with a digit on both sides of the point. */
function plain(typed: string): string {
  const [whole, rest] = typed.split(".");
  return `${whole!.replace(/^0+(?=\d)/, "") || "0"}${rest ? `.${rest}` : ""}`;
}

function field(name: Name): HTMLInputElement {
  return dialog(ID).querySelector<HTMLInputElement>(`[name=${name}]`)!;
}

function periodChoice(): HTMLSelectElement {
  return document.getElementById("budget-period") as HTMLSelectElement;
}
