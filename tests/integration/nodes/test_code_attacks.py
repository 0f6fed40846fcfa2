"""Attacks on the sandbox of `code`: each is stopped within its limits, and the same process then runs a normal step."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from shared.domain.errors import NodeError
from shared.nodes.code import Code
from tests.integration.nodes.code import error_of, run

ENDLESS = {
    "a loop": "while True: pass",
    "a loop that catches everything": "while True:\n  try:\n    while True: pass\n  except BaseException:\n    pass",
    "a sum": "sum(range(10 ** 12))",
    "a for": "for i in range(10 ** 12): i",
    "a factorial": "import math\nmath.factorial(10 ** 7)",
    "a coroutine": "async def f():\n  while True:\n    await g()\nasync def g(): return 1\nawait f()",
    "finally": "try:\n  while True: pass\nfinally:\n  while True: pass",
    "exec": "exec('while True: pass')",
    "permutations": "import itertools\nfor x in itertools.permutations(range(20)): pass",
}
BOMBS = {
    "text that doubles": "x = 'a'\nwhile True: x += x",
    "a list that doubles": "x = [0]\nwhile True: x.extend(x)",
    "a dict": "x = {}\nfor i in range(10 ** 9): x[i] = i",
    "a huge list": "[0] * 10 ** 11",
    "a huge text": "'a' * 10 ** 12",
    "huge bytes": "bytes(10 ** 12)",
    "a huge integer": "10 ** 10 ** 8",
    "powers of powers": "9 ** 9 ** 9 ** 9",
    "a shift": "1 << (1 << 40)",
    "a range as a list": "list(range(10 ** 12))",
    "replace": "('a' * 10 ** 7).replace('a', 'b' * 1_000)",
    "join": "'a'.join(['b' * 1_000] * 10 ** 7)",
    "padding": "'x'.rjust(10 ** 12)",
    "formatting": "f'{1:>1000000000000}'",
    "old formatting": "'%1000000000000d' % 1",
    "caught bombs": "while True:\n  try:\n    x = 'a' * 10 ** 12\n  except ValueError:\n    pass",
    "JSON of shared text": "import json\njson.dumps(['a' * (1 << 20)] * 60_000)",
}
RESULTS = {
    "lists that share": "x = [1]\nfor i in range(60): x = [x, x]\nx",
    "objects that share": "result = [1]\nfor i in range(60): result = {'a': result, 'b': result}",
    "tuples that share": "x = 'a' * (1 << 20)\nfor i in range(60): x = (x, x)\nx",
    "shared text": "['a' * (1 << 20)] * 60_000",
    "shared integers": "[10 ** 900] * 1_000_000",
    "a long key": "x = 'a' * (1 << 20)\n[{x: 1} for i in range(5_000)]",
    "shared classes": "class A:\n  def __init__(self, v): self.v = v\nx = 'a' * (1 << 20)\n[A(x) for i in range(5_000)]",
}
ESCAPES = {
    "a file": "open('/etc/passwd').read()",
    "a path": "import pathlib\npathlib.Path('/etc/passwd').read_text()",
    "writing": "open('/tmp/flowversal-escaped', 'w').write('x')",
    "a command": "import os\nos.system('id')",
    "a process": "import subprocess",
    "a socket": "import socket",
    "a request": "import urllib.request",
    "pickle": "import pickle",
    "ctypes": "import ctypes",
    "importlib": "import importlib\nimportlib.import_module('os')",
    "our own modules": "import shared.settings",
    "import": "__import__('os').system('id')",
    "builtins": "import builtins\nbuiltins.open('/etc/passwd')",
    "subclasses": "().__class__.__bases__[0].__subclasses__()",
    "a format string": "'{0.__class__.__mro__}'.format(1)",
    "a format of globals": "'{0.__globals__}'.format(print)",
    "frames": "try:\n  1 / 0\nexcept Exception as e:\n  e.__traceback__.tb_frame.f_globals",
    "getattr": "getattr(getattr((), '__cl' + 'ass__'), '__base__')",
    "code objects": "(lambda: 1).__code__",
    "globals": "globals()['__builtins__']",
    "modules": "import sys\nsys.modules['os']",
    "the environment": "import os\ndict(os.environ)",
    "a changed module": "import json\njson.dumps = lambda value: 1",
}
ERRORS = {
    "recursion": "def f(): f()\nf()",
    "recursion of two": "def f(n): return g(n) + 1\ndef g(n): return f(n) + 1\nf(0)",
    "str that raises": "class E:\n  def __str__(self): raise ValueError('x')\nprint(E())",
    "repr that raises": "class E:\n  def __repr__(self): return 1 / 0\nrepr(E())",
    "raise a number": "raise 5",
    "raise with odd arguments": "raise ValueError({'a': [1] * 1_000})",
    "a message without end": "raise ValueError('x' * 10_000_000)",
    "a message with odd characters": "raise ValueError('\\ud800\\x00')",
    "sys.exit": "import sys\nsys.exit(3)",
    "SystemExit": "raise SystemExit",
    "breakpoint": "breakpoint()",
    "input": "input()",
    "names without end": "while True:\n  try:\n    nothing\n  except BaseException:\n    pass",
    "long numbers as text": "str(10 ** 100_000)",
    "long numbers from text": "int('9' * 100_000)",
    "a pattern that tracks back": "import re\nre.match(r'(a*)*\\1b', 'a' * 60 + 'c')",
}
HARMLESS = {
    "nested groups": "import re\nre.match('(a+)+$', 'a' * 50 + 'b')",
    "alternatives": "import re\nre.match('(a|aa)+$', 'a' * 100 + 'b')",
    "dots": "import re\nre.match('(.*a){25}b', 'a' * 60)",
    "nothing printed": "print('\\x00\\ud800')",
}


@pytest.fixture(autouse=True)
def _the_worker_survives() -> object:
    yield
    assert run("print('normal')\n{'sum': sum(numbers)}", {"numbers": [1, 2, 3]}) == {"sum": 6}
    memory = psutil.Process().memory_info().rss
    assert memory < 2_000_000_000


def _cases(cases: dict[str, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("code", cases.values(), ids=cases)


@_cases(ENDLESS)
def test_endless_code_is_stopped(code: str) -> None:
    begun = time.monotonic()
    error = error_of(code, timeoutMs=300)
    assert (error.code, error.retryable) == ("CODE_TIMEOUT", False)
    assert time.monotonic() - begun < 5


@_cases(BOMBS)
def test_a_memory_bomb_is_stopped(code: str) -> None:
    begun = time.monotonic()
    assert error_of(code, timeoutMs=10_000).code == "CODE_MEMORY"
    assert time.monotonic() - begun < 9


@_cases(RESULTS)
def test_a_result_that_would_be_endless_is_refused(code: str) -> None:
    begun = time.monotonic()
    assert error_of(code, timeoutMs=10_000).code == "INVALID_OUTPUT"
    assert time.monotonic() - begun < 9


@_cases(ESCAPES)
def test_there_is_no_way_out(code: str) -> None:
    assert error_of(code).code == "CODE_ERROR"


@_cases(ERRORS)
def test_errors_stay_inside(code: str) -> None:
    error = error_of(code)
    assert error.code == "CODE_ERROR"
    assert len(error.message) < 5_000


@_cases(HARMLESS)
def test_what_hangs_elsewhere_does_not_here(code: str) -> None:
    begun = time.monotonic()
    assert run(code) is None
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    "code",
    [
        "x = []\nfor i in range(100_000): x = [x]\nx",
        "result = []\nfor i in range(100_000): result = [result]",
        "result = {}\nfor i in range(100_000): result = {'a': result}",
        "x = 1\nfor i in range(5_000): x = (x,)\nx",
        "'[' * 100_000 + ']' * 100_000",
        "import json\njson.loads('[' * 100_000 + ']' * 100_000)",
    ],
)
def test_deep_nesting_takes_nothing_down(code: str) -> None:
    try:
        run(code)
    except NodeError as error:
        assert error.code in Code.error_codes


@pytest.mark.parametrize("depth", [200, 3_000, 20_000])
@pytest.mark.parametrize("pair", ["()", "[]", "{}", "-", "not ", "lambda: "])
def test_deep_source_takes_nothing_down(pair: str, depth: int) -> None:
    opening, closing = (pair[0], pair[1]) if len(pair) == 2 else (pair, "")
    try:
        run(opening * min(depth, 90_000 // len(pair)) + "1" + closing * depth if closing else opening * 9_000 + "1")
    except NodeError as error:
        assert error.code in Code.error_codes


def test_a_huge_result_is_refused_or_bounded() -> None:
    assert error_of("'x' * 70_000_000", memoryMb=512, timeoutMs=30_000).code == "INVALID_OUTPUT"


def test_the_limit_of_memory_can_be_raised() -> None:
    code = "x = ['a' * 1_000 + str(i) for i in range(100_000)]\nlen(x)"
    assert error_of(code, timeoutMs=20_000).code == "CODE_MEMORY"
    assert run(code, memoryMb=256, timeoutMs=20_000) == 100_000


def _runs(process: psutil.Process) -> bool:
    """Nobody may be there to take note of its end."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_processes_end_with_the_worker_that_started_them() -> None:
    program = (
        "import threading, time, psutil\n"
        "from tests.integration.nodes.code import run\n"
        "run('1')\n"
        "threading.Thread(target=lambda: run('while True: pass', timeoutMs=1_000), daemon=True).start()\n"
        "time.sleep(0.3)\n"
        "print(*[child.pid for child in psutil.Process().children()], flush=True)\n"
        "time.sleep(60)\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=os.environ)
    assert worker.stdout is not None
    children = [psutil.Process(int(pid)) for pid in worker.stdout.readline().split()]
    assert children
    worker.kill()
    worker.wait()
    worker.stdout.close()
    until = time.monotonic() + 10
    while (still := [child.pid for child in children if _runs(child)]) and time.monotonic() < until:
        time.sleep(0.02)
    for pid in still:
        os.kill(pid, 9)
    assert still == []
