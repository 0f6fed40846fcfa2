"""`branch`: goes one way out of several, as an if or as a switch."""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shared.domain.fields import IDENTIFIER, IDENTIFIER_RULE
from shared.domain.plan import ERROR_PORT
from shared.expr import Budget, ExpressionError
from shared.expr.kinds import kind
from shared.expr.operators import equal
from shared.nodes.base import Context, Done, NodeError, NodeType, Params

_EITHER = "give `condition` (an if), or `cases` (a switch), one of them"
_WORDS = {"true": True, "false": False}


def _port(name: str) -> str:
    if not IDENTIFIER.fullmatch(name):
        raise ValueError(f"a port is named by {IDENTIFIER_RULE}")
    if name == ERROR_PORT:
        raise ValueError(f"the port `{ERROR_PORT}` is reserved: choose another name")
    return name


Port = Annotated[str, AfterValidator(_port)]


class Case(BaseModel):
    """One way out: taken if `value` equals `equals`, or if `when` is true."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    port: Port = Field(description="Name of the way out.")
    equals: Any = Field(None, description="Taken if `value` is the same.")
    when: Any = Field(None, description="Taken if this is true.")

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if len({"equals", "when"} & self.model_fields_set) != 1:
            raise ValueError("a case has `equals` or `when`, one of them")
        return self


class BranchParams(Params):
    """`condition`, or `value` with `cases` and `default`."""

    condition: Any = Field(None, description="Goes out at `true` or `false`.")
    value: Any = Field(None, description="What the cases are compared with.")
    cases: list[Case] | None = Field(None, description="Tried in order; the first that fits wins.", max_length=100)
    default: Port | None = Field(None, description="The way out if no case fits.")


class Branch(NodeType):
    """The chosen port is also the output."""

    type = "branch"
    label = "Branch"
    help = "Choose a way: true or false by a condition, or one of several cases."
    icon = "branch"
    category = "logic"
    pure = True
    params = BranchParams
    example: ClassVar[dict[str, Any]] = {
        "value": "{{ input.kind | default('a') }}",
        "cases": [{"port": "a", "equals": "a"}],
        "default": "other",
    }
    error_codes: ClassVar[dict[str, str]] = {
        "NO_CASE_MATCHED": "No case fits and there is no `default`.",
        "CONDITION_NOT_BOOLEAN": "A condition gave something other than true or false.",
    }

    def ports(self, params: dict[str, Any]) -> tuple[str, ...]:
        """`true` and `false` of a condition, else the ports of the cases and the default, each once."""
        if "condition" in params:
            return ("true", "false")
        cases = params.get("cases")
        named = [case.get("port") for case in cases if isinstance(case, dict)] if isinstance(cases, list) else []
        return tuple(dict.fromkeys(port for port in [*named, params.get("default")] if isinstance(port, str)))

    def check(self, params: dict[str, Any]) -> Iterable[tuple[str, str]]:
        """An if or a switch, not both; and ports that are known before anything runs."""
        if ("condition" in params) == ("cases" in params):
            yield "", _EITHER
        if "condition" in params:
            for key in ("value", "default"):
                if key in params:
                    yield key, f"`{key}` belongs to `cases`: leave it out beside `condition`"
            yield from _literal_condition(params["condition"], "condition")
        if isinstance(params.get("cases"), str):
            yield "cases", "the cases are a list that is written out, because their ports must be known before a run"
        if isinstance(params.get("default"), str) and "{{" in params["default"]:
            yield "default", "a port has a fixed name: expressions are not possible here"
        yield from _check_cases(params)

    async def run(self, ctx: Context, params: BranchParams) -> Done:  # noqa: ARG002
        """The first port that fits. Raises NO_CASE_MATCHED, CONDITION_NOT_BOOLEAN."""
        if params.cases is None:
            port = "true" if _is_true(params.condition, "The condition") else "false"
            return Done(port, port)
        for case in params.cases:
            if _fits(case, params.value):
                return Done(case.port, case.port)
        if params.default is None:
            raise NodeError("NO_CASE_MATCHED", "No case fits, and there is no `default`: add one.")
        return Done(params.default, params.default)


def _check_cases(params: dict[str, Any]) -> Iterable[tuple[str, str]]:
    cases = params.get("cases")
    if not isinstance(cases, list):
        return
    if not cases and params.get("default") is None:
        yield "cases", "there is no case: add one, or a `default`"
    for index, case in enumerate(cases):
        if not isinstance(case, dict):
            continue
        port = case.get("port")
        if isinstance(port, str) and "{{" in port:
            yield f"cases[{index}].port", "a port has a fixed name: expressions are not possible here"
        if "equals" in case and "value" not in params:
            yield f"cases[{index}].equals", "there is no `value` to compare with: add it"
        yield from _literal_condition(case.get("when"), f"cases[{index}].when")


def _literal_condition(condition: Any, path: str) -> Iterable[tuple[str, str]]:
    """Text around an expression makes text, never true or false: `{{ a }} > 3` is the usual slip."""
    if not isinstance(condition, str) or condition.strip().lower() in _WORDS:
        return
    text = condition.strip()
    if "{{" not in text:
        yield path, "write the condition as an expression, as in {{ input.count > 3 }}"
    elif not (text.startswith("{{") and text.endswith("}}")):
        yield path, "put the whole condition between one {{ and }}, as in {{ input.count > 3 }}"


def _fits(case: Case, value: Any) -> bool:
    if "when" in case.model_fields_set:
        return _is_true(case.when, f"`when` of {case.port}")
    try:
        return equal(value, case.equals, Budget())
    except ExpressionError as error:
        raise NodeError("INVALID_PARAMS", f"The case {case.port} cannot be compared: {error}") from None


def _is_true(value: Any, what: str) -> bool:
    """True, false, their words, and null, which is false."""
    if value is None or isinstance(value, bool):
        return bool(value)
    word = _WORDS.get(value.strip().lower()) if isinstance(value, str) else None
    if word is None:
        raise NodeError(
            "CONDITION_NOT_BOOLEAN", f"{what} gave {kind(value)}, not true or false: compare it, as in {{{{ x > 3 }}}}"
        )
    return word
