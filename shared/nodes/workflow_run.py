"""`workflow.run`: runs another workflow, and waits for what becomes of it, holding no worker."""

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from shared import ids
from shared.nodes.base import Call, Context, Done, NodeError, NodeType, Params

TYPE = "workflow.run"


def _workflow_id(text: str) -> str:
    if ids.decode(ids.WORKFLOW, text) is None:
        raise ValueError("this must be the id of a workflow, wf-…")
    return text


class WorkflowRunParams(Params):
    """Which workflow, with what, and whether to wait for its end."""

    workflow_id: Annotated[str, AfterValidator(_workflow_id)] = Field(
        description="The id of the workflow to run, wf-…."
    )
    input: Any = Field(default_factory=dict, description="What the run reads as `input`: any JSON with expressions.")
    wait: bool = Field(True, description="Wait for its end; without it the step ends as soon as the run is accepted.")
    version: int | None = Field(
        None, description="The number of the version to run; the published one without it.", ge=1, le=2_000_000_000
    )


class WorkflowRun(NodeType):
    """The child runs in the name of who runs this. Its output is the step's output; its failure fails the step."""

    type = TYPE
    label = "Run a workflow"
    help = "Run another workflow, with its output as the step's output. Nothing is held while it runs."
    icon = "workflow"
    category = "logic"
    pure = True
    resumed_by = "child"
    params = WorkflowRunParams
    example: ClassVar[dict[str, Any]] = {"workflowId": "wf-00000000000000000000000001", "input": {"n": 1}}
    error_codes: ClassVar[dict[str, str]] = {
        "WORKFLOW_NOT_FOUND": "There is no such workflow that both whoever runs this one and whoever published it may see.",
        "WORKFLOW_DISABLED": "The workflow is disabled.",
        "NOT_PUBLISHED": "The workflow was never published.",
        "VERSION_NOT_FOUND": "The workflow has no version with that number.",
        "WORKFLOW_INVALID": "The version cannot be run by this installation.",
        "INVALID_INPUT": "The input cannot be stored, or is too large.",
        "SUBFLOW_DEPTH": "Workflows run workflows more than ten deep, probably in a circle.",
        "SUBFLOW_DEADLOCK": "The runs that hold all slots of the workflow wait for this one.",
        "CHILD_FAILED": "The run failed; the message has its error and its id.",
        "CHILD_CANCELED": "The run was canceled.",
    }

    async def run(self, ctx: Context, params: WorkflowRunParams) -> Done | Call:
        """A Call at first, then what became of the run."""
        if ctx.answer is not None:
            return ended(ctx.answer)
        workflow_id = ids.decode(ids.WORKFLOW, params.workflow_id)
        assert workflow_id is not None  # noqa: S101 - the parameters were checked
        return Call(workflow_id, params.input, wait=params.wait, version=params.version)


def ended(child: dict[str, Any]) -> Done:
    """What the end of the child is for its parent. Raises NodeError CHILD_FAILED, CHILD_CANCELED."""
    if child["status"] == "success":
        return Done(child["output"])
    run = f"The run {child['executionId']} of {child['workflowName']}"
    if child["status"] == "canceled":
        raise NodeError("CHILD_CANCELED", f"{run} was canceled.")
    error = child["error"]
    if error["code"] == "CHILD_FAILED":
        # The run at the bottom says why; those in between would only repeat it.
        raise NodeError("CHILD_FAILED", error["message"])
    raise NodeError("CHILD_FAILED", f"{run} failed: {error['message']} ({error['code']})")
