"""The pages of what waits for somebody: approvals and dead letters. Who sees what, and which buttons."""

import json
import re
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from services.dashboard import asked, letters
from shared import ids
from shared.domain.outcome import Ask, Kind
from shared.engine.bury import bury
from tests.integration.clockwork.scene import Scene

Person = Callable[[str], FlaskClient]


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    made = Scene(database_url)
    yield made
    made.connection.close()


def ask(scene: Scene, message: str = "Pay?", *approvers: str) -> str:
    """A run that asks; its id."""
    started = scene.start()
    scene.complete(scene.claim(started.ready[0]), Kind.WAIT, ask=Ask("approval", message, approvers))
    return ids.encode(ids.EXECUTION, started.id)


def share(scene: Scene, shared: bool = True) -> None:
    scene.connection.execute("UPDATE workflows SET shared = %s", (shared,))


def count_in(page: str, name: str) -> str:
    """The count beside a link of the navigation; empty while it is hidden."""
    found = re.search(rf'id="nav-{name}"( hidden)?>.*?</span>([^<]*)</span>', page)
    assert found is not None
    return "" if found[1] else found[2].strip()


def fail(scene: Scene, message: str = "HTTP 503 after 12 ms", code: str = "HTTP_STATUS") -> str:
    """A run whose first step fails for good, with its letter; the fingerprint."""
    claimed = scene.claim(scene.start({"n": 7}).ready[0])
    error = json.dumps({"code": code, "message": message})
    scene.complete(claimed, Kind.FAILED, input='{"n": 7}', error_code=code, error=error)
    bury(scene.connection)
    row = scene.one("SELECT error_fingerprint FROM executions WHERE id = %s", claimed.key[0])
    return str(row["error_fingerprint"])


def test_approvals_are_for_who_may_decide(person: Person, scene: Scene) -> None:
    admin, editor, viewer = person("admin"), person("editor"), person("viewer")
    run, private = ask(scene, "Pay <b>42</b> EUR?"), ask(scene, "For Vera", "viewer@example.com")
    page = admin.get("/approvals").text
    assert f'data-decide="/executions/{run}/steps/step-a/resume"' in page
    assert "Pay &lt;b&gt;42&lt;/b&gt; EUR?" in page
    assert count_in(page, "asked") == "2"
    assert "Nothing waits for you" in editor.get("/approvals").text, "the workflow is not shared"
    shown = viewer.get("/approvals").text
    assert ("For Vera" in shown, count_in(shown, "asked")) == (True, "1")
    assert f'href="/executions/{private}' not in shown, "who is named decides without seeing the run"
    share(scene)
    shown = editor.get("/approvals").text
    assert (f'href="/executions/{run}?step=step-a"' in shown, "For Vera" in shown) == (True, False)
    scene.connection.execute("UPDATE waits SET closed_at = now()")
    assert count_in(admin.get("/workflows").text, "asked") == ""


def test_approvals_go_on_with_older_ones(person: Person, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "PAGE_SIZE", 2)
    for number in range(3):
        ask(scene, f"Question {number}")
    admin = person("admin")
    page = admin.get("/approvals").text
    assert re.findall(r"Question \d", page) == ["Question 2", "Question 1"]
    older = re.search(r'href="(/approvals\?before=[^"]+)">Older', page)
    assert older is not None
    page = admin.get(older[1]).text
    assert (re.findall(r"Question \d", page), "Older" in page, "Newest" in page) == (["Question 0"], False, True)
    assert admin.get("/approvals?before=nonsense").status_code == 200


def test_dead_letters_by_cause(person: Person, scene: Scene) -> None:
    admin, editor, viewer = person("admin"), person("editor"), person("viewer")
    many, _ = fail(scene), fail(scene, "HTTP 502 after 3 ms")
    other = fail(scene, "<script>alert(1)</script>", "NETWORK")
    page = admin.get("/admin/errors").text
    assert count_in(page, "letters") == "3"
    assert page.index(f'id="cause-{other}"') < page.index(f'id="cause-{many}"')
    assert "2 open" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Redrive all…" in page
    assert "Nothing is left to deal with" in editor.get("/admin/errors").text, "the workflow is not shared"
    assert editor.get(f"/admin/errors/{many}").status_code == 404
    share(scene)
    assert "Redrive all…" in editor.get("/admin/errors").text
    shown = viewer.get("/admin/errors").text
    assert (f'id="cause-{many}"' in shown, "data-letters" in shown) == (True, False)
    assert "data-letters" not in viewer.get(f"/admin/errors/{many}").text


def test_filters_of_dead_letters(person: Person, scene: Scene) -> None:
    admin, cause = person("admin"), fail(scene)
    workflow = ids.encode(ids.WORKFLOW, scene.workflow_id)
    for query, found in [
        ("", True),
        ("?state=redriven", False),
        ("?state=dismissed", False),
        ("?state=all", True),
        ("?time=1h", True),
        (f"?workflow={workflow}", True),
        (f"?workflow={ids.encode(ids.WORKFLOW, scene.user_id)}", False),
        ("?state=nope&time=9y&workflow=%00&before=x", True),
    ]:
        page = admin.get(f"/admin/errors{query}").text
        assert (f'id="cause-{cause}"' in page) is found, query
        assert found or "Nothing matches these filters" in page
    scene.connection.execute("UPDATE dead_letters SET state = 'dismissed', closed_at = now()")
    assert f'id="cause-{cause}"' in admin.get("/admin/errors?state=dismissed").text
    assert count_in(admin.get("/workflows").text, "letters") == ""


def test_one_cause_shows_its_letters_and_what_the_step_had(person: Person, scene: Scene) -> None:
    admin, cause = person("admin"), fail(scene, "HTTP 500 after 1 ms")
    fail(scene, "HTTP 501 after 2 ms")
    page = admin.get(f"/admin/errors/{cause}").text
    assert page.count('class="letter"') == 2
    newest, oldest = re.findall(r'id="open-(letter-[^"]+)"', page)
    assert f'data-letters="redrive" aria-haspopup="dialog" data-id="{newest}"' in page, "the newest open one is shown"
    page = admin.get(f"/admin/errors/{cause}?letter={oldest}&tab=input").text
    assert f'data-letters="dismiss" data-id="{oldest}"' in page
    assert '<span class="k">&#34;n&#34;</span>' in page
    assert "Attempts 1" in page
    scene.connection.execute("UPDATE dead_letters SET state = 'dismissed', closed_at = now()")
    page = admin.get(f"/admin/errors/{cause}").text
    assert ('id="redrive-one"' in page, 'data-letters="dismiss"' in page) == (True, False), "still to be redriven"
    other = fail(scene, "refused", "NETWORK")
    assert f'data-id="{oldest}"' not in admin.get(f"/admin/errors/{other}?letter={oldest}").text
    for nowhere in ("nope", "%00", "0" * 16):
        assert admin.get(f"/admin/errors/{nowhere}").status_code == 404


def test_unreadable_messages_are_for_admins(person: Person, scene: Scene) -> None:
    scene.connection.execute(
        "INSERT INTO dead_messages (origin, queue, rejected_at, reason, body, body_bytes)"
        " VALUES ('o', 'flowversal.default.normal.v1', now(), 'It is not JSON', '<b>', 3)"
    )
    assert "It is not JSON" in person("admin").get("/admin/errors").text
    assert "It is not JSON" not in person("editor").get("/admin/errors").text


def test_a_flood_of_failures_is_looked_at_in_part(
    person: Person, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "AMONG", 2)
    old, new = fail(scene, code="OLD"), fail(scene, code="NEW")
    admin = person("admin")
    page = admin.get("/admin/errors").text
    assert (f'id="cause-{old}"' in page, "The causes of the newest 2 runs" in page) == (True, True)
    fail(scene, code="NEW")
    page = admin.get("/admin/errors").text
    assert (f'id="cause-{old}"' in page, f'id="cause-{new}"' in page) == (False, True)
    assert f'href="/admin/errors/{old}"' not in page
    assert admin.get(f"/admin/errors/{old}").status_code == 200
