"""Filters, search and pages of the list of executions; and how many partitions a page touches."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from shared.db.partitions import ensure_week, monday
from shared.queries import execution_list
from shared.queries.execution_list import Filters
from shared.queries.shapes import Viewer
from tests.integration.api.caller import Caller

Person = Callable[..., Caller]


def _ids(caller: Caller, query: str = "") -> list[str]:
    answer = caller("GET", f"/executions{query}")
    assert answer.status_code == 200, answer.json
    return [item["id"] for item in answer.json["items"]]


def test_newest_first_in_pages(admin: Caller) -> None:
    workflow = admin.workflow()
    started = [admin.started(workflow) for _ in range(5)]

    seen, cursor = [], ""
    while True:
        page = admin("GET", f"/executions?limit=2{cursor}").json
        seen += [item["id"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"

    assert seen == started[::-1]


def test_filters_and_search(admin: Caller, person: Person) -> None:
    orders, mails = admin.workflow("Orders", shared=True), admin.workflow("Mails 100%")
    bob = person("bob")
    by_bob, by_ada, mailed = bob.started(orders), admin.started(orders), admin.started(mails)
    admin("POST", f"/executions/{mailed}/cancel")

    assert _ids(admin, f"?workflowId={mails}") == [mailed]
    assert _ids(admin, f"?userId={bob.public_id}") == [by_bob]
    assert _ids(admin, f"?userId={bob.public_id}&workflowId={mails}") == []
    assert _ids(admin, "?status=canceled") == [mailed]
    assert _ids(admin, "?status=queued,canceled") == [mailed, by_ada, by_bob]
    assert _ids(admin, "?status=queued&status=canceled") == [mailed, by_ada, by_bob]
    assert _ids(admin, "?trigger=manual") == []
    assert _ids(admin, "?trigger=api&status=queued") == [by_ada, by_bob]
    assert _ids(admin, "?search=oRDER") == [by_ada, by_bob]
    assert _ids(admin, "?search=bob") == [by_bob]
    assert _ids(admin, f"?search=bob&workflowId={orders}") == [by_bob]
    assert _ids(admin, "?search=0%25") == [mailed]
    assert _ids(admin, "?search=%25nothing") == []
    assert _ids(admin, f"?search={by_ada}") == [by_ada]
    assert _ids(admin, f"?search={by_ada}&status=canceled") == []


def test_from_is_included_and_to_is_not(admin: Caller) -> None:
    execution = admin.started(admin.workflow())
    at = admin("GET", f"/executions/{execution}").json["createdAt"]

    assert _ids(admin, f"?from={at - 50}&to={at + 50}") == [execution]
    assert _ids(admin, f"?from={at + 50}") == []
    assert _ids(admin, f"?to={at - 50}") == []


def test_others_see_their_own_and_those_of_shared_workflows(admin: Caller, person: Person) -> None:
    private, shared = admin.workflow("private"), admin.workflow("shared", shared=True)
    hidden, visible = admin.started(private), admin.started(shared)
    bob = person("bob")
    own = bob.started(bob.workflow("bob's"))

    assert _ids(bob) == [own, visible]
    assert _ids(bob, "?status=queued") == [own, visible]
    assert _ids(bob, "?search=private") == []
    assert _ids(bob, f"?search={hidden}") == []
    assert _ids(bob, f"?workflowId={private}") == []
    assert _ids(bob, "?search=ada") == [visible]


@pytest.mark.parametrize("query", ["status=done", "limit=0", "limit=201", "cursor=x", "from=soon", "stauts=failed"])
def test_filters_that_are_none_are_refused(admin: Caller, query: str) -> None:
    answer = admin("GET", f"/executions?{query}")

    assert answer.status_code == 422
    assert answer.json["errors"]


def test_a_page_of_the_newest_touches_few_of_a_hundred_partitions(
    admin: Caller, connection: psycopg.Connection[Any]
) -> None:
    workflow = admin.workflow()
    admin.started(workflow)
    this_week = monday(datetime.now(UTC))
    with connection.transaction():
        for past in range(2, 100):
            ensure_week(connection, this_week - timedelta(weeks=past))
    connection.execute("ANALYZE executions")
    touched: list[int] = []
    plans = _Explaining(connection, touched)
    eyes = Viewer(admin.user_id, everything=True)

    for filters in (Filters(), Filters(statuses=("queued",)), Filters(search="Orders")):
        found = execution_list.matching_ids(plans, filters, eyes, before=None, limit=1)  # type: ignore[arg-type]
        assert len(found) == 1

    assert touched
    assert max(touched) <= 3


class _Explaining:
    """A connection that counts the partitions in the plan of each query on executions before it runs it."""

    def __init__(self, connection: psycopg.Connection[Any], touched: list[int]) -> None:
        self._connection = connection
        self._touched = touched

    def execute(self, query: str, values: Any = None) -> psycopg.Cursor[Any]:
        if "executions e" in query:
            plan = self._connection.execute(f"EXPLAIN {query}", values).fetchall()
            names = {word for (line,) in plan for word in line.split() if word.startswith("executions_p")}
            self._touched.append(len(names))
        return self._connection.execute(query, values)
