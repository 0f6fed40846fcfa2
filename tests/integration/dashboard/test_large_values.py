"""A page shows how a large value begins, how large it is, and where all of it is."""

from collections.abc import Callable
from contextlib import nullcontext

from flask.testing import FlaskClient

from shared import ids
from shared.db.blobs import PostgresStore
from shared.domain.payload import ref_to
from shared.engine.large_input import Offload
from shared.engine.start import start_execution
from tests.factories import definition, node
from tests.integration.clockwork.scene import Scene


def test_input_and_output_by_reference(database_url: str, person: Callable[[str], FlaskClient]) -> None:
    scene = Scene(database_url)
    scene.use(definition(node("a")))
    store = PostgresStore(lambda: nullcontext(scene.connection))
    with scene.connection.transaction():
        started = start_execution(
            scene.connection,
            workflow_id=scene.workflow_id,
            version_id=scene.version_id,
            user_id=scene.user_id,
            input={"text": "<b>" * 100_000},
            trigger_type="api",
            offload=Offload(store, 1_000),
        )
    scene.complete(scene.claim(started.ready[0]), output=ref_to(started.id, started.id, b'"' + b"y" * 2_500_000 + b'"'))
    public = ids.encode(ids.EXECUTION, started.id)
    page = person("admin").get(f"/executions/{public}?step=step-a&tab=output").text
    scene.connection.close()
    assert "This is the beginning of 2.5 MB." in page
    assert "This is the beginning of 300.0 KB." in page
    for url in (f"{public}/input", f"{public}/output", f"{public}/steps/step-a/output"):
        assert f'href="/api/v1/executions/{url}"' in page
    assert "&#34;text&#34;:&#34;&lt;b&gt;&lt;b&gt;" in page
    assert len(page) < 100_000
