"""Running again and acting on many, in a real browser: by mouse and by keyboard, light and dark, wide and narrow."""

import re
from collections.abc import Callable

import psycopg
import pytest
from playwright.sync_api import Page, expect

from shared.engine.bulk import advance_bulk
from tests.e2e.stack import Stack, simulate
from tests.e2e.test_dashboard_look import NARROW, WIDE, findings

Open = Callable[..., Page]
BIG = 10**24 + 7
MAIL = {"id": "b", "type": "transform", "name": "Mail the team", "params": {"output": "{{ input.to.upper }}"}}


def failed_run(stack: Stack, name: str) -> str:
    """Its second step wants a field that the input does not have."""
    last = {"id": "c", "type": "transform", "name": "Done", "params": {"output": "{{ steps.a.output }}"}}
    workflow = stack.publish(name, [simulate("a", "First", 30), MAIL, last])
    execution = stack.call("POST", f"/workflows/{workflow}/executions", {"input": {"big": BIG}})
    assert execution["status"] == "failed"
    return str(execution["id"])


def new_run(page: Page, first: str) -> str:
    page.wait_for_url(re.compile(rf"/executions/(?!{first})exec-"))
    return page.url.rpartition("/")[2]


def test_with_another_input_the_failed_step_and_what_follows_succeed(stack: Stack, signed_in: Open):
    first = failed_run(stack, "Again with input")
    page = signed_in(f"/executions/{first}")
    page.get_by_role("button", name="Run again").click()
    dialog = page.get_by_role("dialog", name="Run again")
    expect(dialog.get_by_role("radio", name="at the failed step")).to_be_checked()
    dialog.get_by_label("Edit the input").check()
    text = dialog.get_by_label("Input (JSON)")
    expect(text).to_have_value(re.compile(str(BIG)))
    text.fill('{"to": }')
    dialog.get_by_role("button", name="Run again").click()
    expect(dialog.get_by_role("alert")).to_contain_text("not valid JSON")
    text.fill(f'{{"to": {{"upper": "ADA"}}, "big": {BIG}}}')
    dialog.get_by_role("button", name="Run again").click()
    again = new_run(page, first)
    expect(page.locator("#banner")).to_contain_text("Every step is done, 1 reused")
    expect(page.locator("#timeline")).to_contain_text("reused, did not run again")
    expect(page.locator("#run-input-json")).to_contain_text(str(BIG))
    page.get_by_role("link", name="First").click()
    expect(page.locator("#step")).to_contain_text("Reused")
    page.get_by_role("link", name="Retry of another run").click()
    page.wait_for_url(f"**/executions/{first}")
    expect(page.locator("#retries")).to_contain_text("Success")
    page.get_by_role("link", name="Retried by Ada Admin").click()
    page.wait_for_url(f"**/executions/{again}")


def test_by_keyboard_from_a_step(stack: Stack, signed_in: Open):
    first = failed_run(stack, "Again by keyboard")
    page = signed_in(f"/executions/{first}?step=step-a")
    here = page.get_by_role("button", name="Retry from here")
    here.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Run again")
    expect(dialog.get_by_role("radio", name="at “First”")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(here).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(dialog.get_by_role("radio", name="at the start")).to_be_checked()
    page.keyboard.press("Enter")
    new_run(page, first)
    expect(page.locator("#banner")).to_contain_text("Failed at “Mail the team”")
    expect(page.locator("#banner")).not_to_contain_text("reused")


def test_what_the_server_refuses_is_said_in_the_dialog(stack: Stack, signed_in: Open, database: psycopg.Connection):
    first = failed_run(stack, "Again refused")
    page = signed_in(f"/executions/{first}")
    page.get_by_role("button", name="Run again").click()
    database.execute("UPDATE workflows SET archived_at = now() WHERE name = 'Again refused'")
    dialog = page.get_by_role("dialog", name="Run again")
    dialog.get_by_role("button", name="Run again").click()
    expect(dialog.get_by_role("alert")).to_contain_text("archived")
    expect(dialog.get_by_role("button", name="Run again")).to_be_enabled()


def test_a_viewer_may_look_only(stack: Stack, signed_in: Open):
    first = failed_run(stack, "Again for viewers")
    page = signed_in(f"/executions/{first}", email=stack.viewer)
    expect(page.locator("#banner")).to_contain_text("Failed")
    expect(page.get_by_role("button", name=re.compile("Run again|Retry from here"))).to_have_count(0)
    page.goto("/admin/executions")
    expect(page.locator("[data-bulk]")).to_have_count(0)


def test_retry_all_matching_names_the_count_and_shows_the_progress(
    stack: Stack, signed_in: Open, database: psycopg.Connection
):
    workflow = stack.publish("Many again", [MAIL])
    for _ in range(3):
        stack.call("POST", f"/workflows/{workflow}/executions", {"input": {}})
    page = signed_in("/admin/executions")
    page.locator("[data-search]").fill("Many again")
    page.get_by_label("Status").select_option("failed")
    page.wait_for_url("**q=Many+again&status=failed")
    page.get_by_role("button", name="Retry all matching").click()
    dialog = page.get_by_role("dialog", name="Retry 3 executions?")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Begin").select_option("start")
    expect(dialog).to_contain_text("All steps run again")
    dialog.get_by_label("Begin").select_option("failed")
    dialog.get_by_role("button", name="Retry 3 executions").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#bulk-jobs")).to_contain_text("Retrying 0 of 3")
    advance_bulk(database, limit=1)
    expect(page.locator("#bulk-jobs")).to_contain_text("Retrying 1 of 3")
    page.locator("#bulk-jobs").get_by_role("button", name="Stop").click()
    expect(page.locator("#bulk-jobs")).to_contain_text("stopped before the end")
    page.get_by_role("button", name="Retry all matching").click()
    # The one that was retried has its retry for it.
    expect(page.get_by_role("dialog", name="Retry 2 executions?")).to_be_visible()


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(stack: Stack, signed_in: Open, scheme: str, viewport: dict[str, int]):
    first = failed_run(stack, f"Looked at again {scheme} {viewport['width']}")
    again = stack.call("POST", f"/executions/{first}/retry", {})["id"]
    page = signed_in(color_scheme=scheme, viewport=viewport, bypass_csp=True)
    found = []
    for place in (f"/executions/{first}", f"/executions/{again}?step=step-a"):
        page.goto(place)
        found += findings(page)
    page.get_by_role("button", name="Retry from here").click()
    page.get_by_label("Edit the input").check()
    expect(page.locator("#rerun-text")).to_be_visible()
    found += findings(page)
    page.goto("/admin/executions?status=failed")
    page.locator("[data-bulk]").click()
    expect(page.locator("#bulk")).to_be_visible()
    found += findings(page)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert (found, overflow <= 0) == ([], True)
