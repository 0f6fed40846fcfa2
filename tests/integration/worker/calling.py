"""Two workflows in a scene: the scene's own one runs the other. The moves of a worker and of clockwork between them."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared import ids
from shared.broker import StepRef
from shared.db import subruns
from shared.engine.orphan import cancel_orphan
from shared.engine.report import report_child, unreported
from tests.factories import definition, node
from tests.integration.clockwork.scene import Scene

if TYPE_CHECKING:
    from tests.integration.worker.conftest import Pipeline


class Calling:
    """`call` runs the child workflow, `last` reads its output."""

    def __init__(self, scene: Scene, pipeline: "Pipeline") -> None:
        self.scene = scene
        self.pipeline = pipeline
        self.child_workflow = self.add([node("work", params={"output": {"got": "{{ input.n }}"}})])

    def add(self, nodes: list[dict[str, Any]]) -> UUID:
        """Another workflow, published."""
        workflow_id, version_id = self.scene.add_workflow(nodes)
        self.scene.connection.execute("UPDATE workflow_versions SET number = 1 WHERE id = %s", (version_id,))
        self.scene.connection.execute("UPDATE workflows SET published_version = 1 WHERE id = %s", (workflow_id,))
        return workflow_id

    def begin(self, *, params: dict[str, Any] | None = None, workflow: UUID | None = None, **more: Any) -> StepRef:
        """Start a run; the reference of its first step, `call`."""
        id = ids.encode(ids.WORKFLOW, workflow or self.child_workflow)
        call = node("call", "workflow.run", {"workflowId": id, "input": {"n": 7}} | (params or {}), **more)
        self.scene.use(definition(call, node("last", params={"output": "{{ steps.call.output }}"})))
        return self.scene.start().ready[0]

    def call(self, ref: StepRef) -> UUID:
        """Process the step that calls; its newest child."""
        self.pipeline.follow(ref)
        return self.child_of(ref)

    def child_of(self, ref: StepRef) -> UUID:
        child = subruns.newest(self.scene.connection, ref[:3])
        assert child is not None
        return child.child_id

    def children(self) -> list[UUID]:
        """Every execution that a step started, oldest first."""
        rows = self.scene.connection.execute("SELECT child_id FROM subruns ORDER BY child_id").fetchall()
        return [row[0] for row in rows]

    def run_child(self, child: UUID, node: str = "work") -> None:
        """Process the only step of a child."""
        self.pipeline.follow(StepRef(child, node, "", "default"))

    def report(self) -> list[StepRef]:
        """What clockwork does for children that are over."""
        ready: list[StepRef] = []
        for id in unreported(self.scene.connection):
            ready += report_child(self.scene.connection, id).ready
        return ready

    def cancel_orphans(self) -> list[UUID]:
        """What clockwork does for children of stopped parents, until there are none."""
        canceled: list[UUID] = []
        while found := subruns.orphans(self.scene.connection, 10):
            for id in found:
                cancel_orphan(self.scene.connection, id)
                canceled.append(id)
        return canceled

    def error(self, ref: StepRef) -> dict[str, Any]:
        """Why the run failed."""
        row = self.scene.one(
            "SELECT error FROM execution_data WHERE execution_id = %s AND node = %s", ref.execution_id, ref.node
        )
        return dict(row["error"])

    def output(self, ref: StepRef, name: str = "last") -> Any:
        row = self.scene.one(
            "SELECT output FROM execution_data WHERE execution_id = %s AND node = %s AND item = ''",
            ref.execution_id,
            name,
        )
        return row["output"]
