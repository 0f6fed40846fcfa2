"""Tokens and cost on the pages: what the ledger says, folded or not, and nothing where there is nothing."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from services.dashboard.filters import dollars, number
from shared import ids
from shared.db import budgets
from shared.db.stats import fold
from shared.domain.ai_call import AiCall
from tests.factories import chain
from tests.integration.clockwork.scene import Scene

Person = Callable[[str], FlaskClient]
PAGES = ("/admin", "/admin/users", "/workflows", "/admin/workflows")
RECOUNT = """
SELECT sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))::bigint AS tokens, sum(cost_nano)::bigint AS cost,
  count(*) FILTER (WHERE cost_nano IS NULL) AS unpriced
FROM ai_ledger WHERE NOT late
"""


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    made = Scene(database_url)
    made.use(chain(1))
    yield made
    made.connection.close()


def ask(scene: Scene, *calls: AiCall) -> str:
    """The id of a run whose only step made these calls."""
    claimed = scene.claim(scene.start().ready[0])
    scene.complete(claimed, ai_calls=calls, ai_tokens=sum(each.tokens for each in calls))
    return ids.encode(ids.EXECUTION, claimed.key[0])


def shown(page: str) -> str:
    """The text of a page, without what only wraps it."""
    return re.sub(r"[ \n]+", " ", re.sub(r"<[^>]+>", "", page.split("<main")[1]))


def test_every_page_says_what_the_ledger_says(person: Person, scene: Scene) -> None:
    admin = person("admin")
    for place in range(3):
        ask(scene, AiCall(1, "openai", "m", 1_000 + place, 234, 0, 21_500_000), AiCall(1, "openai", "m", 7, 3, 0, 1))
    ask(scene, AiCall(1, "openai", "unknown", 400, 50, 0, None), AiCall(1, "openai", "silent"))
    true = scene.one(RECOUNT)
    assert (true["cost"], true["unpriced"]) == (64_500_003, 2)
    own = f"/workflows/{ids.encode(ids.WORKFLOW, scene.workflow_id)}"
    person_page = f"/admin/users/{ids.encode(ids.USER, scene.user_id)}"
    for _ in range(2):
        for page in (*PAGES, own, person_page):
            text = shown(admin.get(page).text)
            assert number(true["tokens"]) in text, page
            assert f"{dollars(true['cost'] / 1e9)} + 2 unpriced calls" in text, page
        assert (fold(scene.connection), budgets.fold(scene.connection)) in ((4, 8), (0, 0))


def test_what_never_asked_a_model_stays_calm(person: Person, scene: Scene) -> None:
    scene.complete(scene.claim(scene.start().ready[0]))
    admin = person("admin")
    for page in ("/workflows", "/admin/workflows", "/admin/users"):
        text = admin.get(page).text
        assert "ai-line" not in text
        assert "$0" not in text
    assert 'AI tokens</dt><dd class="">–</dd>' in admin.get("/admin").text.replace("\n", "")


def test_only_unpriced_calls_are_no_cost_of_nothing(person: Person, scene: Scene) -> None:
    run = ask(scene, AiCall(1, "openai", "unknown", 400, 50, 0, None))
    admin = person("admin")
    assert "4501 unpriced call" in shown(admin.get(f"/executions/{run}").text)
    text = shown(admin.get("/admin/workflows").text)
    assert "450 tokens · 1 unpriced call" in text
    assert "unpriced calls" not in text
    assert "$" not in text
