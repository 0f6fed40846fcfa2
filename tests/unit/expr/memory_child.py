"""Run by test_memory.py in a process of its own: every attack under an address space limit of 200 MB above the start.

Prints JSON: `codes`, the error code (or the exception's name, or `ok`) of each attack; `grown_kb`, the peak.
"""

import json
import resource
from pathlib import Path
from typing import Any

from shared.expr import ExpressionError, compile_template

ALLOWED = 200 * 1024 * 1024
SCOPE: dict[str, Any] = {
    "input": {
        "text": "x" * 2_000_000,
        "wide": "😀ß" * 400_000,
        "spaces": "a " * 1_000_000,
        "braces": "[" + "{}," * 600_000 + "{}]",
        "brackets": "[" + "[]," * 600_000 + "[]]",
        "control": "\x01" * 2_000_000,
        "rows": [{"k": n} for n in range(20_000)],
    }
}
ATTACKS = [
    "['a' * 900000 + str(x) for x in range(100000)]",
    "['a' * 900000 for x in range(100000)] | join",
    "'a' * 10000000000",
    "[0] * 10000000000",
    "['a' * 1000] * 100000000",
    "range(1000000000)",
    "[range(100000) for x in range(100000)]",
    "[[[0] * 1000 for x in range(1000)] for y in range(1000)]",
    "join([input.text] * 100, input.text)",
    "[s + s for s in [t + t for t in [u + u for u in [input.text + input.text]]]]",
    "replace(input.text, 'x', input.text)",
    "replace(input.text, 'x', 'yyyyyyyyyy')",
    "split(input.text, 'x')",
    "split(input.spaces)",
    "parse_json(input.braces)",
    "parse_json(input.brackets)",
    "parse_json('[' * 500000 + ']' * 500000)",
    "json(input.control)",
    "json([input.text] * 1000)",
    "str([input.text] * 1000)",
    "[json(input.rows) for x in range(10000)]",
    "upper(input.wide)",
    "[upper(input.text) for x in range(10000)]",
    "url_encode(input.wide)",
    "[base64(input.text) for x in range(1000)]",
    "[unbase64(input.text) for x in range(1000)]",
    "[entries(x) for x in input.rows * 100]",
    "[merge(x, {'b': 1}) for x in input.rows * 100]",
    "[sorted(input.rows, 'k') for x in range(10000)]",
    "flatten([input.rows] * 100000)",
    "[input.text[1:] for x in range(100000)]",
    "[input.wide[1:] for x in range(100000)]",
    "[x * x for x in [" + "9" * 1200 + "]] | pluck('a')",
    "[" + "9" * 1200 + " + x for x in range(90000)]",
    "input.wide + input.text + input.text",
    "[input.text for x in range(50000)]",
    "[{input.text: x} for x in range(10000)]",
    "format_date(parse_date(0), '%A' * 3000000)",
    "[a + [a] for a in [b + [b, b] for b in [input.rows * 40]]]",
]
MIXED = [
    "{{ input.text }}" * 20,
    "{{ [input.text] * 9 }} and {{ input.wide }}",
    "x{{ input.control * 2 }}{{ input.wide }}",
]


def run(template: str) -> str:
    """How the attack ended."""
    try:
        compile_template(template).evaluate(SCOPE)
    except ExpressionError as error:
        return error.code
    except BaseException as error:
        return type(error).__name__
    return "ok"


def main() -> None:
    """Set the limit, run everything, print the result."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + ALLOWED
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    codes = {template[:80]: run(template) for template in [f"{{{{ {attack} }}}}" for attack in ATTACKS] + MIXED}
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    print(json.dumps({"codes": codes, "grown_kb": grown_kb}))


if __name__ == "__main__":
    main()
