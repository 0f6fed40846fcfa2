"""`code`: runs Python in a sandbox."""

from collections.abc import Iterable
from typing import Any, ClassVar

from pydantic import Field

from shared.nodes.base import Context, Done, NodeType, Params
from shared.nodes.sandbox.syntax import syntax_problem

_USUAL_MB = 64


class CodeParams(Params):
    """The code, what it gets, and what it may use."""

    code: str = Field(
        description="Python. The value of the last expression, or of a `return`, or else the variable `result` is the "
        "output; `print` adds log lines. {{ }} has no meaning in here: use `inputs`.",
        min_length=1,
        max_length=100_000,
        json_schema_extra={"format": "python"},
    )
    inputs: dict[str, Any] = Field(
        default_factory=dict,
        description="What the code gets: each name becomes a variable, and `inputs` has them all.",
    )
    timeout_ms: int = Field(5_000, description="The longest it may compute, in milliseconds.", ge=10, le=60_000)
    memory_mb: int = Field(_USUAL_MB, description="The most memory it may use, in megabytes.", ge=16, le=512)


class Code(NodeType):
    """Python without files, network, environment and other packages; one process runs one piece of code at a time."""

    type = "code"
    label = "Code"
    help = "Run Python in a sandbox: no files, no network, with limits on time and memory."
    icon = "code"
    category = "data"
    pool = "code"
    params = CodeParams
    literal = frozenset({"code"})
    example: ClassVar[dict[str, Any]] = {
        "code": "names = [user['name'].title() for user in users]\nprint(f'{len(names)} users')\n', '.join(names)",
        "inputs": {"users": [{"name": "ada"}, {"name": "grace"}]},
    }
    examples: ClassVar[list[dict[str, Any]]] = [
        {
            "title": "Totals by customer",
            "params": {
                "code": "totals = {}\nfor order in orders:\n    name = order['customer']\n"
                "    totals[name] = totals.get(name, 0) + order['amount']\nreturn totals",
                "inputs": {"orders": [{"customer": "a", "amount": 2}, {"customer": "a", "amount": 3}]},
            },
            "output": {"a": 5},
        },
        {
            "title": "A regular expression",
            "params": {
                "code": "import re\nresult = re.findall(r'[A-Z]+-[0-9]+', text)",
                "inputs": {"text": "Fixes AB-12 and CD-3."},
            },
            "output": ["AB-12", "CD-3"],
        },
    ]
    error_codes: ClassVar[dict[str, str]] = {
        "CODE_ERROR": "The code raised an exception; the message has it, and the line.",
        "CODE_SYNTAX": "The code is not Python, or uses what the sandbox does not know.",
        "CODE_TIMEOUT": "It computed longer than `timeoutMs`.",
        "CODE_MEMORY": "It needed more than `memoryMb`.",
        "CODE_OUTPUT": "It printed far more than a log can take.",
        "CODE_CRASHED": "The sandbox ended while the code ran; another attempt may succeed.",
        "INVALID_OUTPUT": "The result is not JSON, or is too large.",
    }

    def check(self, params: dict[str, Any]) -> Iterable[tuple[str, str]]:
        """The code parses."""
        code = params.get("code")
        problem = syntax_problem(code) if isinstance(code, str) and len(code) <= 100_000 else None
        if problem is not None:
            yield "code", f"this is not Python: {problem}"

    def memory_bytes(self, params: CodeParams) -> int:
        """What the sandbox may use, where it is more than usual."""
        return params.memory_mb << 20 if params.memory_mb > _USUAL_MB else 0

    async def run(self, ctx: Context, params: CodeParams) -> Done:
        """The result of the code. Raises NodeError, see `error_codes`."""
        from shared.nodes.sandbox.python import PythonRun  # noqa: PLC0415 - 100 ms and 20 MB, for those who need it

        code = PythonRun(
            params.code, params.inputs, timeout_ms=params.timeout_ms, memory_mb=params.memory_mb, log=ctx.log
        )
        return Done(await ctx.in_thread(code.run, on_cancel=code.stop))
