"""The test kit itself: it finds what is missing, and runs a node as a worker does."""

import subprocess
import sys
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, Field

from shared.net.client import make_client
from shared.nodes.base import Context, Done, NodeError, NodeType, Params
from shared.nodes.testing import RecordingContext, check_node_type, run_node
from shared.nodes.transform import Transform
from shared.settings import Settings


class Part(BaseModel):
    told: int = 1


class GoodParams(Params):
    """Some."""

    text: str = Field("x", description="A text.")


class Good(NodeType):
    """A node that lacks nothing."""

    type = "test.good"
    label = "Good"
    help = "Do nothing."
    category = "data"
    params = GoodParams
    example: ClassVar[dict[str, Any]] = {"text": "a"}
    # What this module raises below.
    error_codes: ClassVar[dict[str, str]] = {"UNTOLD": "Said here."}

    async def run(self, ctx: Context, params: GoodParams) -> Done:
        ctx.log("info", params.text)
        return Done(await ctx.in_thread(lambda: params.text * 2, on_cancel=lambda: None))


def fails() -> None:
    raise NodeError("UNTOLD", "Never.")


class BadParams(Params):
    snake: int = 1
    Odd: Part = Field(Part(), description="A part.", alias="Odd")


def made(**changes: Any) -> type[NodeType]:
    """The good one with other class variables."""
    return type("Made", (Good,), {"__doc__": "A node.", "__module__": __name__, **changes})


class DigitParams(GoodParams):
    line1: str = Field("x", description="A text.")
    sha_256: str = Field("x", description="A text.")
    b64_text: str = Field("x", description="A text.")


def test_a_good_one_passes() -> None:
    check_node_type(Good)
    check_node_type(Good())


@pytest.mark.parametrize("type", ["s3.put", "oauth2.v1", "x"])
def test_names_may_have_digits(type: str) -> None:
    check_node_type(made(type=type, params=DigitParams, example={}))


@pytest.mark.parametrize("type", ["3s.put", "s3.1put", "s3..put", "s3.", ".s3", "s3_put", "S3.put", "ü.put", ""])
def test_names_of_types_that_are_none(type: str) -> None:
    with pytest.raises(AssertionError, match="letters and digits"):
        check_node_type(made(type=type))


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"type": "Bad_Name"}, "lower-case words"),
        ({"label": ""}, "need a name"),
        ({"help": "No full stop"}, "full stop"),
        ({"__doc__": ""}, "docstring"),
        ({"category": "other"}, "`category`"),
        ({"pool": "gpu"}, "`pool`"),
        ({"params": Part}, "subclass of Params"),
        ({"params": BadParams, "example": {}}, "the parameter snake needs a description"),
        ({"params": BadParams, "example": {}}, "the parameter Odd should be in camelCase"),
        ({"params": BadParams, "example": {}}, "the parameter Part.told needs a description"),
        ({"literal": frozenset({"code"})}, "do not exist: code"),
        ({"example": {"text": 5}}, "example does not compile"),
        ({"example": {"text": "{{ 5 }}"}}, "example does not parse"),
        ({"examples": [{"params": {}}]}, "needs a title"),
        ({"examples": [{"title": "T", "params": {}, "result": 1}]}, "nothing else"),
        ({"examples": [{"title": "T", "params": {"text": "a"}, "output": "b"}]}, "gives 'aa', not 'b'"),
        ({"error_codes": {"UNTOLD": "No stop"}}, "needs a sentence"),
        ({"error_codes": {"UNTOLD": "Yes.", "low": "Yes."}}, "upper case"),
        ({"error_codes": {}}, "UNTOLD is raised"),
        ({"ports": lambda self, params: ("a", "a")}, "each once"),
        ({"ports": lambda self, params: ("error",)}, "the port 'error'"),
        ({"check": lambda self, params: params["text"]}, "raises KeyError"),
    ],
)
def test_what_is_missing_is_said(changes: dict[str, Any], part: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_node_type(made(**changes))
    assert part in str(caught.value)


def test_a_pure_node_that_awaits_is_found() -> None:
    async def run(self: Any, ctx: Context, params: GoodParams) -> Done:
        await ctx.addresses("x", 1)
        import asyncio

        await asyncio.sleep(0)
        return Done()

    with pytest.raises(AssertionError, match="says it is pure"):
        run_node(made(pure=True, run=run), {}, RecordingContext(hosts={"x": ["192.0.2.1"]}))


def test_a_run_evaluates_parameters() -> None:
    ctx = RecordingContext()
    assert run_node(Good, {"text": "{{ input.a }}!"}, ctx, scope={"input": {"a": "b"}}).output == "b!b!"
    assert ctx.lines == [("info", "b!", {})]
    assert run_node(Transform, {"output": "{{ 1 + 1 }}"}).output == 2


def test_the_context_gives_what_the_test_gave() -> None:
    client = make_client(Settings())
    ctx = RecordingContext(client)
    assert ctx.http is client
    other = RecordingContext()
    assert other.http is other.http is not client
    ctx.count_tokens(2)
    ctx.count_api_call()
    assert (ctx.tokens, ctx.api_calls) == (2, 1)


def test_it_needs_no_test_framework() -> None:
    code = "import sys, shared.nodes.testing; print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
