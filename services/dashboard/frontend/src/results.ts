import type { Execution } from "./api";
import { dialog, openDialog, part } from "./dialogs";
import { duration, number } from "./format";
import { icon } from "./icons";

const LOOKS: Record<string, [string, string]> = {
  success: ["check", "Workflow finished"],
  failed: ["x", "Workflow failed"],
  canceled: ["ban", "Workflow canceled"],
};

/** The results modal at the end of a run. */
export function showResult(execution: Execution): void {
  const found = dialog("results");
  const [iconName, title] = LOOKS[execution.status] ?? LOOKS.success!;
  part(found, "banner").className = `result-banner s-${execution.status}`;
  part(found, "icon").replaceChildren(icon(iconName));
  part(found, "title").textContent = title;
  part(found, "text").textContent = sentence(execution);
  part(found, "duration").textContent = duration(execution.duration);
  part(found, "steps").textContent = number(execution.stepsExecuted);
  part(found, "total").textContent = `of ${number(execution.totalSteps)}`;
  part(found, "tokens").textContent = number(execution.aiTokensUsed);
  part(found, "calls").textContent = number(execution.apiCallsMade);
  part(found, "id").textContent = execution.id;
  part(found, "copy").dataset.copy = execution.id;
  (part(found, "view") as HTMLAnchorElement).href = `/admin/executions?q=${execution.id}`;
  openDialog("results");
}

function sentence(execution: Execution): string {
  if (execution.status === "success") return `${execution.workflowName} ran without errors.`;
  if (execution.status === "canceled") return `${execution.workflowName} was stopped before the end.`;
  const error = execution.error;
  return error ? `${error.step ? `“${error.step}”: ` : ""}${error.message} (${error.code})` : `${execution.workflowName} failed.`;
}
