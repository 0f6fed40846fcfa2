"""`execution`: starts the workflow when a run of another one has ended."""

from typing import Any

from shared import ids
from shared.domain.fields import Fields

TYPE = "execution"
ENDS = ("success", "failed", "canceled")


def read(fields: Fields) -> dict[str, Any]:
    """`{"workflowId", "on"}`: whose runs, and which ends count; both are checked."""
    workflow = fields.text("workflowId")
    if ids.decode(ids.WORKFLOW, workflow) is None:
        fields.refuse("workflowId", "this must be the id of the workflow whose runs are followed, wf-…")
    on = fields.take("on")
    if on is None:
        on = ["success"]
    if not isinstance(on, list) or not on or any(each not in ENDS for each in on):
        fields.refuse("on", "this must be a list of `success`, `failed` and `canceled`, at least one of them")
        on = ["success"]
    return {"workflowId": workflow, "on": sorted(set(on))}
