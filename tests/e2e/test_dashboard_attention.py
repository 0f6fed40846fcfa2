"""What waits for somebody, in a real browser: approvals and dead letters, by mouse and by keyboard, light and dark."""

import re
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from services.standalone.servers.postgres import Postgres
from services.standalone.servers.valkey import Valkey
from tests.e2e.conftest import DATABASE
from tests.e2e.stack import Stack, process
from tests.e2e.test_dashboard_look import NARROW, WIDE, findings

Open = Callable[..., Page]
# How many of the page and its tables scroll sideways.
OVERFLOWING = "[document.documentElement, ...document.querySelectorAll('.table-scroll')].filter(e => e.scrollWidth > e.clientWidth).length"


@pytest.fixture(scope="module", autouse=True)
def clockwork(stack: Stack, session_postgres: Postgres, session_valkey: Valkey) -> Iterator[None]:
    """It writes the dead letters, and tells the pages."""
    redis = session_valkey.url
    environment = {"DATABASE_URL": session_postgres.url_of(DATABASE), "REDIS_URL": redis, "BROKER_URL": redis}
    with process(["services.worker.clockwork"], environment):
        yield


def ask(stack: Stack, name: str, message: str) -> str:
    """A run that waits for a decision; its id."""
    node = {"id": "ask", "type": "approval", "name": "Ask the boss", "params": {"message": message}}
    execution = stack.call("POST", f"/workflows/{stack.publish(name, [node])}/executions", {}, wait_s=0)["id"]
    ends = monotonic() + 20
    while stack.call("GET", f"/executions/{execution}", wait_s=0)["status"] != "waiting":
        assert monotonic() < ends
    return str(execution)


def failing(stack: Stack, name: str) -> str:
    """A workflow that fails with the code of its name."""
    params = {"code": name.upper(), "message": "HTTP {{ input.n }}: <b>busy</b>"}
    return stack.publish(name, [{"id": "a", "type": "fail", "name": "Fetch orders", "params": params}])


def fail(stack: Stack, workflow: str, runs: int) -> str:
    """Runs that failed, with their letters; the fingerprint of their cause."""
    before = len(letters(stack, workflow))
    for number in range(runs):
        stack.call("POST", f"/workflows/{workflow}/executions", {"input": {"n": 500 + number}})
    ends = monotonic() + 20
    while len(found := letters(stack, workflow)) < before + runs:
        assert monotonic() < ends
    return str(found[0]["fingerprint"])


def letters(stack: Stack, workflow: str, state: str = "") -> list[dict[str, Any]]:
    query = f"?workflowId={workflow}{f'&state={state}' if state else ''}"
    found: list[dict[str, Any]] = stack.call("GET", f"/dead-letters{query}", wait_s=0)["items"]
    return found


def card(page: Page, message: str) -> Any:
    return page.locator(".ask-card").filter(has_text=message)


def test_a_question_is_decided_with_a_comment_right_there(stack: Stack, signed_in: Open):
    page = signed_in("/approvals")
    execution = ask(stack, "Pays", "Pay 42 EUR?")
    mine = card(page, "Pay 42 EUR?")
    expect(mine).to_be_visible()
    expect(page.locator("#nav-asked")).to_be_visible()
    mine.get_by_label("Comment").fill("Only this once")
    later = ask(stack, "Pays too", "Pay 43 EUR?")
    expect(card(page, "Pay 43 EUR?")).to_be_visible()
    expect(mine.get_by_label("Comment")).to_have_value("Only this once")
    mine.get_by_role("button", name="Approve").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_have_text("Approved")
    expect(mine).to_have_count(0)
    step = stack.call("GET", f"/executions/{execution}/steps")["items"][0]
    assert (step["output"]["decision"], step["output"]["comment"]) == ("approve", "Only this once")
    card(page, "Pay 43 EUR?").get_by_role("link", name="Open the run").click()
    page.wait_for_url(f"**/executions/{later}?step=step-ask")


def test_who_comes_second_is_told_and_keeps_the_comment_until_then(stack: Stack, signed_in: Open):
    execution = ask(stack, "Two at once", "Pay 44 EUR?")
    page = signed_in("/approvals")
    mine = card(page, "Pay 44 EUR?")
    mine.get_by_label("Comment").fill("I would rather not")
    stack.call("POST", f"/executions/{execution}/steps/step-ask/resume", {"decision": "approve"})
    seen = ask(stack, "Comes later", "Pay 45 EUR?")
    expect(card(page, "Pay 45 EUR?")).to_be_visible()
    expect(mine.get_by_label("Comment")).to_have_value("I would rather not")
    mine.get_by_role("button", name="Reject").click()
    expect(page.locator("#toast")).to_contain_text("has approved this already.")
    expect(mine).to_have_count(0)
    stack.call("POST", f"/executions/{seen}/cancel")
    expect(card(page, "Pay 45 EUR?")).to_have_count(0)


def test_a_viewer_is_not_asked(stack: Stack, signed_in: Open):
    ask(stack, "Not for viewers", "Pay 46 EUR?")
    page = signed_in("/approvals", stack.viewer)
    expect(page.get_by_role("heading", name="Nothing waits for you")).to_be_visible()
    expect(page.locator("#nav-asked")).to_be_hidden()


def test_a_cause_is_inspected_redriven_and_dismissed(stack: Stack, signed_in: Open):
    workflow = failing(stack, "nightly")
    page = signed_in("/admin/errors")
    cause = fail(stack, workflow, 3)
    row = page.locator(f"#cause-{cause}")
    expect(row).to_contain_text("3 open")
    expect(page.locator("#nav-letters")).to_be_visible()
    row.get_by_role("link", name="HTTP").click()
    page.wait_for_url(f"**/admin/errors/{cause}")
    expect(page.get_by_role("heading", name="At “Fetch orders” of nightly")).to_be_visible()
    page.get_by_role("link", name="Input").click()
    expect(page.locator("#letter .json")).to_contain_text("busy")
    page.locator("#redrive-one").click()
    page.get_by_role("dialog", name="Redrive 1 run?").get_by_label("Version").select_option("published")
    page.get_by_role("button", name="Redrive 1 run").click()
    expect(page.locator("#toast")).to_have_text("Redriven")
    expect(page.locator("#letter")).to_contain_text("as another run")
    # The new run fails as well, and leaves a letter of its own.
    expect(page.locator(".letter")).to_have_count(4)
    page.locator(".letter").filter(has_text="Open").first.click()
    page.locator("#dismiss-one").click()
    expect(page.locator("#letter")).to_contain_text("Dismissed")
    assert len(letters(stack, workflow, "dismissed")) == 1
    page.locator("#letter").get_by_role("link", name="the run of").click()
    page.wait_for_url(re.compile(r"/executions/exec-"))


def test_all_of_a_cause_by_keyboard(stack: Stack, signed_in: Open):
    workflow = failing(stack, "weekly")
    cause = fail(stack, workflow, 4)
    page = signed_in("/admin/errors")
    row = page.locator(f"#cause-{cause}")
    row.get_by_role("button", name="Dismiss all…").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Dismiss 4 runs?")
    expect(dialog.get_by_role("button", name="Dismiss 4 runs")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    row.get_by_role("button", name="Redrive all…").click()
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_have_text("Redriven 4")
    expect(row).to_contain_text("4 open")
    assert len(letters(stack, workflow, "redriven")) == 4
    row.get_by_role("button", name="Dismiss all…").click()
    page.keyboard.press("Enter")
    expect(row).to_have_count(0)
    page.get_by_role("link", name="Dismissed").click()
    page.wait_for_url("**state=dismissed")
    expect(row).to_be_visible()


def test_what_cannot_be_redriven_says_why(stack: Stack, signed_in: Open):
    workflow = failing(stack, "paused")
    cause = fail(stack, workflow, 2)
    revision = stack.call("GET", f"/workflows/{workflow}")["revision"]
    stack.call("PUT", f"/workflows/{workflow}", {"enabled": False}, headers={"If-Match": f'"{revision}"'})
    page = signed_in(f"/admin/errors/{cause}")
    dialog = page.get_by_role("dialog")
    page.locator("#redrive-one").click()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("paused: This workflow is disabled.")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Redrive all…").click()
    dialog.get_by_role("button", name="Redrive 2 runs").click()
    expect(dialog.get_by_role("alert")).to_contain_text(
        "Redriven 0. The others are still open: paused: This workflow is disabled."
    )


def test_keys_lead_to_both(signed_in: Open):
    page = signed_in()
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/approvals")
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/admin/errors")


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(stack: Stack, signed_in: Open, scheme: str, viewport: dict[str, int]):
    ask(stack, f"Looked at {scheme} {viewport['width']}", "Pay 47 EUR?")
    cause = fail(stack, failing(stack, f"seen_{scheme}_{viewport['width']}"), 2)
    page = signed_in(color_scheme=scheme, viewport=viewport, bypass_csp=True)
    found, overflowing = [], []
    for place in (
        "/approvals",
        "/approvals?before=appr-00000000000000000000000000",
        "/admin/errors",
        "/admin/errors?state=redriven&time=1h",
        f"/admin/errors/{cause}",
        f"/admin/errors/{cause}?tab=attempts",
    ):
        page.goto(place)
        found += findings(page)
        overflowing += [place for _ in range(page.evaluate(OVERFLOWING))]
    page.get_by_role("button", name="Redrive all…").click()
    expect(page.locator("#act-on-letters")).to_be_visible()
    found += findings(page)
    assert (found, overflowing) == ([], [])
