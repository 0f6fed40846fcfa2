"""What other distributions offer: found, and if it is of no use left out with a word in the log, whatever it does."""

import importlib
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

import shared.nodes
from shared import log
from shared.catalogue import found_types
from shared.nodes.base import NodeType
from shared.nodes.transform import Transform
from shared.settings import Settings

GROUP = "flowversal.tests.offered"
MODULE = """
    from shared.nodes.base import Done, NodeType, Params

    class Good(NodeType):
        type = "offered.good"
        label, help, params, example = "Good", "Nothing.", Params, {}

    class Again(Good):
        label = "Again"

    class Ours(Good):
        type = "transform"

    class Nameless(Good):
        type = 5

    class Bare(NodeType):
        type = "offered.bare"

    class Raises(Good):
        type = "offered.raises"
        def __init__(self):
            raise RuntimeError("not today")

    text = "no class"
"""
OFFERED = {
    "a-good": "offered_nodes:Good",
    "b-again": "offered_nodes:Again",
    "c-ours": "offered_nodes:Ours",
    "d-nameless": "offered_nodes:Nameless",
    "e-bare": "offered_nodes:Bare",
    "f-raises": "offered_nodes:Raises",
    "g-text": "offered_nodes:text",
    "h-missing": "offered_nodes:Missing",
    "i-broken": "offered_broken:Node",
    "j-exits": "offered_exits:Node",
    "k-absent": "offered_absent:Node",
}
WHY = {
    "b-again": "offered.good, which is there already",
    "c-ours": "transform, which is there already",
    "d-nameless": "a `type` that is text",
    "e-bare": "it lacks label, help, params, example",
    "f-raises": "not today",
    "g-text": "no subclass of NodeType",
    "h-missing": "Missing",
    "i-broken": "SyntaxError",
    "j-exits": "not here",
    "k-absent": "ModuleNotFoundError",
}


@pytest.fixture
def _offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All of them installed."""
    (tmp_path / "offered_nodes.py").write_text(dedent(MODULE))
    (tmp_path / "offered_broken.py").write_text("def broken(:\n")
    (tmp_path / "offered_exits.py").write_text("raise SystemExit('not here')\n")
    about = tmp_path / "offered-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: offered\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *(f"{k} = {v}" for k, v in OFFERED.items())]))
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield
    sys.modules.pop("offered_nodes", None)


@pytest.mark.usefixtures("_offered", "former_logging")
def test_one_that_cannot_be_used_is_left_out_and_the_others_work(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(FLOWVERSAL_LOG_FORMAT="json", FLOWVERSAL_LOG_LEVEL="INFO"), "api")
    found = found_types(shared.nodes, NodeType, GROUP)
    assert [name for name in found if name.startswith("offered")] == ["offered.good"]
    assert found["offered.good"].label == "Good"
    assert type(found["transform"]).__module__ == "shared.nodes.transform"
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {(line["level"], line["distribution"], line["group"]) for line in lines} == {("error", "offered", GROUP)}
    told = {line["entry_point"].partition(" ")[0]: line["error"] for line in lines}
    assert told.keys() == OFFERED.keys() - {"a-good"}
    for name, why in WHY.items():
        assert why in told[name]


def test_two_of_ours_with_one_name_are_a_mistake_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Transform, "type", "set")
    with pytest.raises(ValueError, match=r"defines (set|transform), which is there already"):
        found_types(shared.nodes, NodeType, GROUP)


@pytest.fixture
def former_logging() -> Iterator[None]:
    """What the test sets up is taken back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
