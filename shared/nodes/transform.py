"""`transform`: shapes values with expressions."""

from typing import Any, ClassVar

from pydantic import Field

from shared.nodes.base import Context, Done, NodeType, Params


class TransformParams(Params):
    """Any JSON, with expressions in its texts."""

    output: Any = Field(description="Any JSON; its expressions are evaluated.")


class Transform(NodeType):
    """Its output is what `output` evaluates to."""

    type = "transform"
    label = "Transform"
    help = "Build a new value from the input and from earlier steps, with {{ expressions }}."
    icon = "braces"
    category = "data"
    pure = True
    params = TransformParams
    example: ClassVar[dict[str, Any]] = {"output": {"name": "{{ input.name | default('nobody') }}", "count": 3}}

    async def run(self, ctx: Context, params: TransformParams) -> Done:  # noqa: ARG002
        """The evaluated value."""
        return Done(params.output)
