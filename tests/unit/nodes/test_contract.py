"""What every node type keeps to, ours and those of other distributions; a new one is tested by being there."""

import re
from pathlib import Path

import pytest

from shared.nodes.base import NodeType
from shared.nodes.catalogue import node_types
from shared.nodes.contract import raised_codes
from shared.nodes.testing import check_node_type

ROOT = Path(__file__).parents[3]
KNOWN = {
    "aggregate",
    "approval",
    "branch",
    "db.query",
    "code",
    "date.time",
    "deduplicate",
    "delay",
    "email.send",
    "fail",
    "filter",
    "format.csv",
    "hash",
    "http.request",
    "notify",
    "limit",
    "merge",
    "parse.csv",
    "parse.html",
    "parse.json",
    "set",
    "simulate",
    "sort",
    "text",
    "transform",
    "wait.callback",
    "webhook.respond",
    "webhook.call",
    "workflow.run",
}


def test_the_first_node_types_are_found() -> None:
    assert set(node_types()) >= KNOWN
    assert list(node_types()) == sorted(node_types())


@pytest.mark.parametrize("node_type", node_types().values(), ids=node_types())
def test_it_keeps_to_the_contract(node_type: NodeType) -> None:
    check_node_type(node_type)


@pytest.mark.parametrize("node_type", node_types().values(), ids=node_types())
def test_its_icon_can_be_drawn(node_type: NodeType) -> None:
    sprite = (ROOT / "services" / "dashboard" / "templates" / "parts" / "icons.html").read_text()
    drawn = re.findall(r'^  \("([a-z-]+)", ', sprite, re.MULTILINE)
    assert node_type.icon in drawn, f"add the icon {node_type.icon} to parts/icons.html, or use one of {drawn}"


@pytest.mark.parametrize("node_type", node_types().values(), ids=node_types())
def test_data_types_show_examples(node_type: NodeType) -> None:
    if node_type.category == "data" and node_type.type != "transform":
        assert node_type.examples
        assert all("output" in example for example in node_type.examples)


def test_codes_are_found_in_a_source() -> None:
    source = "raise NodeError('A', 'a')\nbase.NodeError(B, 'b')\nNodeError(code, 'c')\nOther('D')\nNodeError()"
    assert raised_codes(source, {"B": "BB", "code": 5}) == {"A", "BB"}
