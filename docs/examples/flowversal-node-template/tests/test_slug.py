"""The node keeps to the contract, and does what it says."""
# ruff: noqa: D103, INP001, S101 - tests assert, and need no docstrings

import pytest
from flowversal_node_template.slug import Slug

from shared.nodes.base import NodeError
from shared.nodes.testing import RecordingContext, check_node_type, run_node


def test_it_keeps_to_the_contract() -> None:
    check_node_type(Slug)


def test_a_slug() -> None:
    ctx = RecordingContext()
    done = run_node(
        Slug, {"text": "{{ input.title }}", "maxLength": 8}, ctx, scope={"input": {"title": "Größe 10 – neu"}}
    )
    assert done.output == "groe-10"
    assert ctx.lines == [("debug", "made a slug", {"characters": 7})]


def test_no_slug() -> None:
    with pytest.raises(NodeError, match="NO_SLUG"):
        run_node(Slug, {"text": "…"})
