"""The template of docs/nodes.md, installed: the catalogue finds its node, it keeps to the contract, a workflow runs with it."""

import importlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.domain.compiler import compile_definition
from shared.domain.errors import InvalidDefinition
from shared.nodes.catalogue import ENTRY_POINTS, node_types
from shared.nodes.testing import check_node_type
from shared.queries import executions
from shared.queries.shapes import Viewer
from tests.factories import definition, node
from tests.integration.clockwork.scene import Scene
from tests.integration.worker.conftest import Pipeline

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "docs" / "examples" / "flowversal-node-template"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder as an installer leaves it: the package, and the metadata of its distribution."""
    folder = tmp_path / "site"
    shutil.copytree(TEMPLATE / "src", folder, ignore=shutil.ignore_patterns("__pycache__"))
    project = tomllib.loads((TEMPLATE / "pyproject.toml").read_text())["project"]
    metadata = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [f"{name} = {value}\n" for name, value in project["entry-points"][ENTRY_POINTS].items()]
    (metadata / "entry_points.txt").write_text("".join([f"[{ENTRY_POINTS}]\n", *lines]))
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    node_types.cache_clear()
    yield folder
    node_types.cache_clear()
    for name in [name for name in sys.modules if name.startswith("flowversal_node_template")]:
        del sys.modules[name]


def test_a_workflow_runs_with_it(installed: Path, scene: Scene, pipeline: Pipeline) -> None:
    check_node_type(node_types()["example.slug"])
    scene.use(definition(node("slug", "example.slug", {"text": "{{ input.title }}"})))
    started = scene.start({"title": "Größe 10"})
    pipeline.drain(started)
    row = executions.row(scene.connection, started.id, Viewer(scene.user_id, everything=True))
    assert row is not None
    found = executions.detail(scene.connection, row)
    assert (found["status"], found["output"]) == ("success", "groe-10")


def test_without_it_the_type_is_unknown() -> None:
    with pytest.raises(InvalidDefinition) as caught:
        compile_definition(definition(node("slug", "example.slug", {"text": "x"})), node_types())
    assert "there is no node type `example.slug`" in caught.value.problems[0].message


def test_its_own_tests_pass_as_the_page_says(installed: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(installed)}
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TEMPLATE)]
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
