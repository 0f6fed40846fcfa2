"""Memory bombs, in a child process that may not grow by 200 MB."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.timeout(120)
@pytest.mark.skipif(sys.platform != "linux", reason="address space limits and /proc are Linux's")
def test_no_attack_exceeds_the_memory_budget() -> None:
    child = subprocess.run(
        [sys.executable, "-m", "tests.unit.expr.memory_child"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert child.returncode == 0, child.stderr[-2_000:]
    report = json.loads(child.stdout)
    assert len(report["codes"]) >= 30
    harmless = {attack: code for attack, code in report["codes"].items() if not code.startswith("EXPRESSION_")}
    assert harmless == {}
    assert report["grown_kb"] < 200 * 1024
