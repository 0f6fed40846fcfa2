"""Examples in the documentation work as they stand."""

import json
import re
from pathlib import Path

from services.worker.clockwork import loop_types
from shared.domain import states
from shared.domain.compiler import compile_definition
from shared.nodes.catalogue import node_types
from shared.nodes.listing import with_table
from shared.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"


def test_the_example_of_a_definition_compiles() -> None:
    text = (DOCS / "definition.md").read_text()
    examples = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    roots = [compile_definition(json.loads(example), node_types()).roots for example in examples]
    assert roots == [("fetch",), ("list",)]


def test_the_examples_of_nodes_compile() -> None:
    text = (DOCS / "http.md").read_text()
    nodes = [json.loads(example) for example in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    assert [node["type"] for node in nodes] == ["http.request"] * 3 + ["webhook.call", "notify"]
    for node in nodes:
        whole = {"schema": 1, "containers": [{"id": "main", "nodes": [node]}]}
        assert compile_definition(whole, node_types()).roots == (node["id"],)


CODE = re.compile(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+|TIMEOUT)`")


def test_the_errors_of_models_are_all_there() -> None:
    section = (DOCS / "ai.md").read_text().split("## Errors")[1].split("\n## ")[0]
    assert set(CODE.findall(section)) == set(node_types()["ai.chat"].error_codes)


def test_pages_name_no_errors_that_do_not_exist() -> None:
    pages = {"http.md": ("http.request", "webhook.call", "notify"), "nodes-data-stores.md": ("db.query", "email.send")}
    for page, types in pages.items():
        known = {"INVALID_PARAMS", "STEP_TIMEOUT"}.union(*(node_types()[type].error_codes for type in types))
        found = CODE.findall((DOCS / page).read_text())
        settings = {name for name in found if name.startswith(("FLOWVERSAL_", "SSL_"))}
        assert set(found) - settings <= known
        assert "`GET /node-types`" in (DOCS / page).read_text()


def test_the_pictures_of_the_states_are_the_tables() -> None:
    execution, step = re.findall(r"```mermaid\n(.*?)```", (DOCS / "states.md").read_text(), re.DOTALL)
    for drawn, table in ((execution, states.EXECUTION), (step, states.STEP)):
        arrows = re.findall(r"^ +(\w+) --> (\w+): (.+)$", drawn, re.MULTILINE)
        assert arrows == [(before.value, after.value, event.value) for (before, event), after in table.items()]


def test_the_connections_of_clockwork_are_counted() -> None:
    """One for each loop, one to lead, one for the blobs that retention removes."""
    found = re.search(r"clockwork (\d+), a worker", (DOCS / "operations.md").read_text())
    assert found is not None
    assert int(found[1]) == len(loop_types()) + 2


def test_the_table_of_settings_has_them_all() -> None:
    named = set(re.findall(r"^\| `([A-Z_]+)` \|", (DOCS / "operations.md").read_text(), re.MULTILINE))
    assert {str(field.validation_alias) for field in Settings.model_fields.values()} <= named


def test_the_table_of_nodes_is_the_catalogue() -> None:
    text = (DOCS / "nodes.md").read_text()
    assert text == with_table(text), "run: .venv/bin/python -m shared.nodes.listing docs/nodes.md"
