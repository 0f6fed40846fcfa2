"""Runs pieces of code as the worker does, in the processes of this test run."""

from typing import Any

import pytest

from shared.domain.errors import NodeError
from shared.nodes.code import Code
from shared.nodes.testing import RecordingContext
from tests import aio

NODE = Code()


def run(code: str, inputs: dict[str, Any] | None = None, ctx: RecordingContext | None = None, **more: Any) -> Any:
    """The output of one step."""
    params = NODE.parse({"code": code, "inputs": inputs or {}, **more})
    return aio.run(NODE.run(ctx or RecordingContext(), params)).output


def error_of(code: str, **more: Any) -> NodeError:
    """The error of a step that must fail."""
    with pytest.raises(NodeError) as caught:
        run(code, **more)
    assert caught.value.code in NODE.error_codes
    return caught.value
