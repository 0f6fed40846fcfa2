"""Log lines of a run are bounded."""

import pytest

from services.worker.logs import LogWriter
from tests.integration.clockwork.scene import Scene


def test_a_run_that_logs_too_much_says_so_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.worker.logs.MAX_LINES_OF_RUN", 5)
    started, other = scene.start(), scene.start()
    logs = LogWriter(scene.database_url, lambda _: None)
    for number in range(20):
        logs.add((started.id, "a", ""), 1, "info", str(number), {})
    logs.add((other.id, "a", ""), 1, "info", "mine", {})
    logs.close()
    query = "SELECT level, message FROM execution_logs WHERE execution_id = %s ORDER BY id"
    lines = scene.connection.execute(query, (started.id,)).fetchall()
    assert [message for _, message in lines[:4]] == ["0", "1", "2", "3"]
    assert len(lines) == 5
    assert lines[4][0] == "warning"
    assert "further ones are left out" in lines[4][1]
    assert scene.connection.execute(query, (other.id,)).fetchall() == [("info", "mine")]
