"""Budgets in a real browser, by keyboard: added, refused, changed, removed, on the pages of a workflow and of a user."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.stack import Stack, simulate
from tests.e2e.test_dashboard_attention import OVERFLOWING
from tests.e2e.test_dashboard_look import NARROW, WIDE, findings

Open = Callable[..., Page]


def test_one_is_added_refused_changed_and_removed_by_keyboard(stack: Stack, signed_in: Open):
    workflow = stack.publish("Limited", [simulate("a", "A", 1)])
    place = f"/budgets/workflow/{workflow}"
    page = signed_in(f"/workflows/{workflow}")
    page.get_by_role("button", name="Add budget…").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Add a budget")
    tokens, cost = dialog.get_by_label("Tokens at most"), dialog.get_by_label("US dollars at most")
    expect(tokens).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#budget-maxTokens-error")).to_have_text("Give at least one of the two limits.")
    page.keyboard.type("many")
    page.keyboard.press("Tab")
    page.keyboard.type("0")
    page.keyboard.press("Enter")
    expect(page.locator("#budget-maxTokens-error")).to_contain_text("Type a whole number of at least 1")
    expect(tokens).to_have_attribute("aria-invalid", "true")
    expect(tokens).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("20,000")
    page.keyboard.press("Enter")
    expect(page.locator("#budget-maxCostUsd-error")).to_contain_text("This must be an amount in US dollars")
    expect(cost).to_be_focused()
    assert stack.call("GET", place)["items"] == []
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(".5")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator("#toast")).to_contain_text("Saved.")
    day = page.locator("#budget-day")
    expect(day).to_contain_text("0 of 20\u202f000 tokens")
    expect(day).to_contain_text("$0.00 of $0.50")
    expect(day).to_contain_text(re.compile(r"Begins anew (in|any)"))
    expect(page.get_by_role("button", name="Add budget…")).to_be_focused()
    day.get_by_role("button", name="Change… budget by day").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Budget by day")
    expect(dialog.get_by_label("US dollars at most")).to_have_value("0.50")
    dialog.get_by_label("US dollars at most").fill("")
    page.keyboard.press("Enter")
    expect(day).not_to_contain_text("$")
    expect(page.get_by_role("button", name="Change… budget by day")).to_be_focused()
    (found,) = stack.call("GET", place)["items"]
    assert (found["maxTokens"], found["maxCostUsd"]) == (20_000, None)
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Remove").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_have_text("Removed")
    expect(page.locator("#budgets")).to_contain_text("None is set")
    expect(page.locator("#budgets-title")).to_be_focused()
    assert stack.call("GET", place)["items"] == []


def test_both_periods_are_set_and_esc_changes_nothing(stack: Stack, signed_in: Open):
    workflow = stack.publish("Both", [simulate("a", "A", 1)])
    page = signed_in(f"/workflows/{workflow}")
    opener = page.get_by_role("button", name="Add budget…")
    for period in ("month", "day"):
        opener.click()
        dialog = page.get_by_role("dialog", name="Add a budget")
        dialog.get_by_label("Period").select_option(period)
        dialog.get_by_label("Tokens at most").fill("7")
        dialog.get_by_role("button", name="Save").click()
        expect(page.locator(f"#budget-{period}")).to_be_visible()
    expect(opener).to_have_count(0)
    page.get_by_role("button", name="Change… budget by month").click()
    page.get_by_role("dialog").get_by_label("Tokens at most").fill("9")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Change… budget by month").click()
    expect(page.get_by_role("dialog").get_by_label("Tokens at most")).to_have_value("7")
    assert [each["maxTokens"] for each in stack.call("GET", f"/budgets/workflow/{workflow}")["items"]] == [7, 7]


def test_an_admin_sets_that_of_a_person_who_only_sees_it(stack: Stack, signed_in: Open):
    page = signed_in("/admin/users")
    page.get_by_role("link", name="Budgets of Vera Viewer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Vera Viewer")
    page.get_by_role("button", name="Add budget…").click()
    page.get_by_label("US dollars at most").fill("2")
    page.keyboard.press("Enter")
    expect(page.locator("#budget-day")).to_contain_text("$0.00 of $2.00")
    own = signed_in(email=stack.viewer)
    own.get_by_role("link", name="Vera Viewer").click()
    expect(own.locator("#budget-day")).to_contain_text("$0.00 of $2.00")
    expect(own.locator("[data-budget]")).to_have_count(0)


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(stack: Stack, signed_in: Open, scheme: str, viewport: dict[str, int]):
    workflow = stack.publish("Looked at", [simulate("a", "A", 1)])
    stack.call("PUT", f"/budgets/workflow/{workflow}/month", {"maxTokens": 10**12, "maxCostUsd": 123_456.789_123_456})
    stack.call("POST", f"/workflows/{workflow}/executions", {})
    page = signed_in(color_scheme=scheme, viewport=viewport, bypass_csp=True)
    found, overflowing = [], []
    for place in ("/admin/users/me", "/admin/users", "/admin/workflows", f"/workflows/{workflow}"):
        page.goto(place)
        found += findings(page)
        overflowing += [place for _ in range(page.evaluate(OVERFLOWING))]
    page.get_by_role("button", name="Add budget…").click()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#budget-maxTokens-error")).to_be_visible()
    found += findings(page)
    assert (found, overflowing) == ([], [])
