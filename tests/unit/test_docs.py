"""Examples in the documentation work as they stand."""

import json
import re
from pathlib import Path

from shared.domain.compiler import compile_definition
from shared.nodes.catalogue import node_types

DOCS = Path(__file__).parents[2] / "docs"


def test_the_example_of_a_definition_compiles() -> None:
    text = (DOCS / "definition.md").read_text()
    examples = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    roots = [compile_definition(json.loads(example), node_types()).roots for example in examples]
    assert roots == [("fetch",), ("list",)]
