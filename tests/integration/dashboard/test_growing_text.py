"""The page of a run shows the text of a model while it grows, and what it has cost."""

from collections.abc import Callable
from time import monotonic, sleep

from flask.testing import FlaskClient

from services.dashboard.app import create_app
from shared import ids
from shared.domain.ai_call import AiCall
from shared.live import HintWriter
from shared.settings import Settings
from shared.web.database import engine_of
from tests.integration.clockwork.scene import Scene
from tests.integration.dashboard.conftest import PASSWORD


def test_the_reply_so_far_then_its_cost(
    database_url: str, redis_url: str, person: Callable[[str], FlaskClient]
) -> None:
    person("admin")
    app = create_app(Settings.model_validate({"DATABASE_URL": database_url, "REDIS_URL": redis_url}))
    client = app.test_client()
    client.post("/login", data={"email": "admin@example.com", "password": PASSWORD})
    scene, hints = Scene(database_url), HintWriter(redis_url)
    started = scene.start()
    url = f"/executions/{ids.encode(ids.EXECUTION, started.id)}?step=step-a"
    claimed = scene.claim(started.ready[0])
    assert "growing-text" not in client.get(url).text
    hints.show_text(claimed.key, claimed.attempt, "Once <b>upon")
    ends = monotonic() + 20
    while "Once &lt;b&gt;upon" not in client.get(url).text:
        assert monotonic() < ends
        sleep(0.05)
    used = AiCall(1, "openai", "m", 60, 40, 0, 12_300_000)
    scene.complete(claimed, ai_calls=(used,), ai_tokens=100)
    page = client.get(url).text
    assert "growing-text" not in page
    assert "$0.0123" in page
    scene.connection.close()
    hints.close()
    engine_of(app).dispose()
