"""The examples in docs/triggers.md can be published as they stand."""

import json
import re
from pathlib import Path

from shared.domain.compiler import compile_definition
from shared.nodes.catalogue import node_types
from tests.factories import chain

DOCS = Path(__file__).parents[4] / "docs"


def test_the_examples_compile() -> None:
    examples = re.findall(r"```json\n(.*?)```", (DOCS / "triggers.md").read_text(), re.DOTALL)
    for example in examples:
        assert compile_definition(chain(1) | json.loads(example), node_types()).triggers
    assert len(examples) >= 2
