"""What expires by itself is forgotten, and nothing sooner."""

import psycopg

from services.worker.loops.base import Tools
from services.worker.loops.expired import Expired
from shared.db import idempotency
from shared.live import HintWriter
from shared.publisher import make_publisher
from shared.settings import Settings
from tests.integration.clockwork.scene import Scene

ADD_KEYS = """
INSERT INTO idempotency_keys (user_id, route, key, request_hash, created_at)
SELECT uuid7(), 'POST /x', hours::text, '', now() - make_interval(hours => hours) FROM generate_series(1, 48) AS hours
"""


def keys(scene: Scene) -> int:
    found: int = scene.one("SELECT count(*) AS n FROM idempotency_keys")["n"]
    return found


def test_answers_are_remembered_for_a_day(scene: Scene) -> None:
    scene.connection.execute(ADD_KEYS)
    assert (idempotency.prune(scene.connection, limit=20), keys(scene)) == (20, 28)
    assert (idempotency.prune(scene.connection), keys(scene)) == (5, 23)


def test_a_request_that_still_runs_is_passed_by(scene: Scene) -> None:
    scene.connection.execute(ADD_KEYS)
    with psycopg.connect(scene.database_url) as other:
        other.execute("SELECT FROM idempotency_keys WHERE key = '40' FOR UPDATE")
        idempotency.prune(scene.connection)
        assert keys(scene) == 24


def test_the_loop_forgets_sessions_too(scene: Scene) -> None:
    scene.connection.execute(ADD_KEYS)
    session = (
        "INSERT INTO sessions (hash, user_id, csrf, expires_at) VALUES (%s, %s, '', now() + make_interval(hours => %s))"
    )
    for hours in (-1, 1):
        scene.connection.execute(session, (str(hours).encode(), scene.user_id, hours))
    settings = Settings(
        DATABASE_URL=scene.database_url, BROKER_URL="redis://127.0.0.1:1", REDIS_URL="redis://127.0.0.1:1"
    )
    tools = Tools(settings, make_publisher(settings.broker_url), HintWriter(settings.redis_url))
    loop = Expired(tools)
    assert loop.run(scene.connection) == loop.interval_s
    assert (keys(scene), scene.one("SELECT count(*) AS n FROM sessions")["n"]) == (23, 1)
    tools.publisher.close()
    tools.hints.close()
