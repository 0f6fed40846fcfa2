"""`code` as people use it: results, variables, log lines, errors with their line, a cancel."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from typing import Any

import psutil
import pytest

from shared.domain.compiler import compile_definition
from shared.domain.errors import InvalidDefinition
from shared.nodes.catalogue import node_types
from shared.nodes.sandbox.printed import LEFT_OUT
from shared.nodes.testing import RecordingContext
from tests import aio
from tests.factories import definition, node
from tests.integration.nodes.code import NODE, error_of, run


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("1 + 1", 2),
        ("x = 3", None),
        ("result = [1, 2.5, None, True, {'a': '€'}]", [1, 2.5, None, True, {"a": "€"}]),
        ("result = 5\nprint('done')", 5),
        ("result = 5\n6", 6),
        ("if True:\n    return {'early': 1}\n7", {"early": 1}),
        ("(1, [2, (3,)])", (1, [2, (3,)])),
        ("10 ** 40", 10**40),
        ("f'{{{1 + 1}}}'", "{2}"),
        ("'\\ud800'", "\ufffd"),
        ("import json, re, math, datetime, hashlib, collections\nmath.floor(2.5)", 2),
        ("json = None\nlen = None\nNameError = None\n'still'", "still"),
        ("async def f():\n    return 1\nawait f()", 1),
        ("x = 'a\\r\\nb'\r\nx", "a\r\nb"),
    ],
)
def test_the_result(code: str, output: Any) -> None:
    assert run(code) == output


def test_inputs_are_variables() -> None:
    inputs = {"a": 1, "class": 2, "with space": 3, "len": 4, "inputs": 5, "match": 6, "big": 10**30}
    code = "[a, inputs['class'], inputs['with space'], len, inputs['inputs'], match, big]"
    assert run(code, inputs) == [1, 2, 3, 4, 5, 6, 10**30]
    assert run("inputs.append(1) if isinstance(inputs, list) else sorted(inputs)", inputs) == sorted(inputs)


def test_nothing_is_kept_between_two_runs() -> None:
    run("secret = 4711\nimport math\nresult = 1")
    assert "secret" in str(error_of("secret"))
    assert run("x = 1") is None


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("a = 1\n\ndef f(x):\n    return 1 / x\n\nf(0)", "ZeroDivisionError: division by zero (line 4: return 1 / x)"),
        ("undefined", "NameError: name 'undefined' is not defined (line 1: undefined)"),
        ("x = (1 +\n     nothing)", "NameError: name 'nothing' is not defined (line 2: nothing))"),
        ("assert 1 == 2", "AssertionError: assert 1 == 2 (line 1: assert 1 == 2)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt (line 1: raise KeyboardInterrupt)"),
        ("raise TimeoutError('mine')", "TimeoutError: mine (line 1: raise TimeoutError('mine'))"),
        ("raise MemoryError('mine')", "MemoryError: mine (line 1: raise MemoryError('mine'))"),
    ],
)
def test_errors_have_their_line(code: str, message: str) -> None:
    error = error_of(code)
    assert (error.code, error.message, error.retryable) == ("CODE_ERROR", message, False)


@pytest.mark.parametrize(
    ("code", "part"),
    [
        ("{1, 2}", "a set"),
        ("b'abc'", "a bytes"),
        ("[1, float('nan')]", "NaN"),
        ("import datetime\ndatetime.date(2020, 1, 2)", "a date"),
        ("{1: 3}", "the key 1 is not text"),
        ("class A:\n    pass\n{'a': A()}", "the class or function A"),
        ("[print]", "the class or function print"),
        ("10 ** 5000", "digits"),
        ("result = {'a': [{2}]}", "a set"),
        ("['x' * 1_000_000] * 65", "64,000,000 characters"),
    ],
)
def test_a_result_that_is_not_json(code: str, part: str) -> None:
    error = error_of(code, memoryMb=512, timeoutMs=30_000)
    assert error.code == "INVALID_OUTPUT"
    assert part in str(error)


def test_a_result_of_too_many_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.domain.json_size.MOST_CONTAINERS", 10_000)
    error = error_of("[[] for i in range(10_001)]")
    assert error.code == "INVALID_OUTPUT"
    assert "10,000 objects and lists" in str(error)


def test_wrong_syntax_is_told_before_anything_runs() -> None:
    with pytest.raises(InvalidDefinition) as caught:
        compile_definition(definition(node("a", "code", {"code": "x = 1\ny = = 2"})), node_types())
    (problem,) = caught.value.problems
    assert problem.path == "containers[0].nodes[0].params.code"
    assert problem.message == "this is not Python: line 2: invalid syntax: y = = 2"


@pytest.mark.parametrize("code", ["(" * 5_000, "-" * 90_000 + "1", "x = '\x00'", "\ud800", "if 1:\n" * 3, "1" * 5_000])
def test_odd_code_is_a_problem_and_no_crash(code: str) -> None:
    found = list(NODE.check({"code": code}))
    assert all(message.startswith("this is not Python: ") for _, message in found)


def test_what_the_sandbox_does_not_know_is_said_with_its_line() -> None:
    error = error_of("def numbers():\n    yield 1\nlist(numbers())")
    assert error.code == "CODE_SYNTAX"
    assert "yield expressions (line 2: yield 1)" in str(error)


def test_braces_in_the_code_are_code() -> None:
    code = "d = {'a': {'b': 1}}\nx = f'{{{d}}}'\ny = '{{ steps.nowhere.output }} {{ broken'\nresult = [d, y, n]"
    params = {"code": code, "inputs": {"n": "{{ steps.first.output }}"}}
    plan = compile_definition(definition(node("first"), node("a", "code", params)), node_types())
    values = plan.nodes["a"].params.evaluate({"steps": {"first": {"output": 7}}})
    assert values == {"code": code, "inputs": {"n": 7}}
    assert plan.nodes["a"].reads == {"first"}
    assert run(**values) == [{"a": {"b": 1}}, "{{ steps.nowhere.output }} {{ broken", 7]


def test_print_adds_log_lines() -> None:
    ctx = RecordingContext()
    code = "import sys\nprint('a', 1)\nprint('b', end='')\nprint('c\\nd')\nprint('odd', file=sys.stderr)\nprint('end', end='')"
    run(code, ctx=ctx)
    assert sorted(ctx.lines) == sorted(
        [("info", text, {}) for text in ("a 1", "bc", "d", "end")] + [("warning", "odd", {})]
    )


def test_lines_come_while_the_code_runs() -> None:
    ctx = RecordingContext()
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: error_of("print('begun')\nwhile True: pass", ctx=ctx, timeoutMs=1_500))
    thread.start()
    while thread.is_alive() and not seen:
        if ctx.lines:
            seen.append(thread.is_alive())
    thread.join()
    assert seen == [True]


def test_much_output_is_cut_and_a_flood_ends_the_code() -> None:
    ctx = RecordingContext()
    assert run("for i in range(5_000): print(i)\n'ok'", ctx=ctx) == "ok"
    assert len(ctx.lines) == 1_001
    assert ctx.lines[-1] == ("warning", LEFT_OUT, {})
    begun = time.monotonic()
    code = "while True:\n  try:\n    print('x' * 1_000)\n  except BaseException:\n    pass"
    assert error_of(code, timeoutMs=60_000).code == "CODE_OUTPUT"
    assert time.monotonic() - begun < 20
    one = RecordingContext()
    run("print('y' * 90_000)", ctx=one)
    assert [len(text) for _, text, _ in one.lines] == [10_000] * 9


class Waited(RecordingContext):
    """Tells the loop of its first log line."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def log(self, level: str, message: str, **fields: Any) -> None:
        self._loop.call_soon_threadsafe(self.begun.set)


def test_a_cancel_kills_it_at_once() -> None:
    async def cancel() -> float:
        ctx = Waited()
        params = NODE.parse({"code": "print('on')\nwhile True: pass", "timeoutMs": 60_000})
        task = asyncio.create_task(NODE.run(ctx, params))
        await ctx.begun.wait()
        begun = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - begun

    assert aio.run(cancel()) < 1
    assert busy_processes() == []
    assert run("1 + 1") == 2


def busy_processes() -> list[psutil.Process]:
    """Children of the sandbox that still compute, once they had a moment to die."""
    found = [child for child in psutil.Process().children() if child.name() == "monty"]
    for _ in range(100):
        busy = [child for child in found if child.is_running() and child.cpu_percent(0.05) > 50]
        if not busy:
            return []
    return busy


def test_many_at_once() -> None:
    async def together() -> list[Any]:
        steps = [NODE.run(RecordingContext(), NODE.parse({"code": f"{n} * 2"})) for n in range(40)]
        return [done.output for done in await asyncio.gather(*steps)]

    assert aio.run(together()) == [n * 2 for n in range(40)]


def test_sleeping_and_the_environment_are_refused() -> None:
    os.environ["CANARY_OF_CODE"] = "x"
    for code in (
        "import time\ntime.sleep(1)",
        "import os\nos.environ['CANARY_OF_CODE']",
        "import os\nos.getenv('CANARY_OF_CODE')",
    ):
        assert "is not supported" in str(error_of(code)), code


def test_the_sandbox_is_loaded_by_those_who_run_code_only() -> None:
    code = "import sys, shared.nodes.catalogue as c; c.node_types(); print('pydantic_monty' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
