"""How the dashboard looks and handles: axe in light and dark, on wide and narrow screens, themes, keys."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.stack import Stack, simulate

Open = Callable[..., Page]
AXE = Path(__file__).parents[2] / "services/dashboard/frontend/node_modules/axe-core/axe.min.js"
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


WAITING = (
    [{"id": "a", "type": "approval", "name": "Ask", "params": {"message": "Pay?", "timeoutMs": 9_000_000}}],
    [{"id": "a", "type": "wait.callback", "name": "Wait", "params": {"timeoutMs": 9_000_000}}],
    [{"id": "a", "type": "delay", "name": "Sleep", "params": {"durationMs": 9_000_000}}],
)


def start(stack: Stack, nodes: list[dict[str, Any]]) -> str:
    """A run of these nodes that waits."""
    workflow = stack.publish("Waits", nodes)
    execution = str(stack.call("POST", f"/workflows/{workflow}/executions", {}, wait_s=0)["id"])
    ends = monotonic() + 20
    while stack.call("GET", f"/executions/{execution}", wait_s=0)["status"] != "waiting":
        assert monotonic() < ends
    return execution


@pytest.fixture(scope="module")
def places(stack: Stack) -> list[str]:
    """One of every page, with something on it."""
    failing = {"id": "b", "type": "fail", "name": "Broken", "params": {"code": "NO", "message": "It broke."}}
    workflow = stack.publish("Looked at", [simulate("a", "First", 10), failing])
    execution = stack.call("POST", f"/workflows/{workflow}/executions", {"input": {"n": 1}})["id"]
    waiting = [start(stack, nodes) for nodes in WAITING]
    return [
        *(f"/executions/{each}" for each in waiting),
        "/workflows",
        "/workflows?q=nothing-like-this",
        f"/workflows/{workflow}",
        "/workflows/new",
        f"/workflows/{workflow}/edit",
        "/executions",
        f"/executions/{execution}",
        f"/executions/{execution}?tab=attempts",
        "/nodes",
        "/nodes/http.request",
        "/nodes/filter",
        "/admin",
        "/admin/executions",
        "/admin/workflows",
        "/admin/users",
        "/nowhere",
    ]


def findings(page: Page) -> list[str]:
    """What axe has to say about the page as it is."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("tags => axe.run({runOnly: tags})", TAGS)
    return [
        f"{page.url} {each['id']}: {node['target']} {node['any'][:1]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(places: list[str], signed_in: Open, scheme: str, viewport: dict[str, int]):
    page = signed_in(color_scheme=scheme, viewport=viewport, bypass_csp=True)
    found = []
    for place in places:
        page.goto(place)
        found += findings(page)
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{place} scrolls sideways by {overflow} px"
    page.goto("/workflows")
    page.keyboard.press("?")
    found += findings(page)
    page.keyboard.press("Escape")
    page.locator("[data-run-input]").first.click()
    found += findings(page)
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_results_and_on_the_sign_in_form(stack: Stack, signed_in: Open, scheme: str):
    workflow = stack.publish("Shown", [simulate("a", "A", 700)])
    page = signed_in(color_scheme=scheme, bypass_csp=True)
    page.locator(f"[data-run='{workflow}']").click()
    expect(page.locator(f"[data-run='{workflow}']")).to_have_text("Cancel")
    found = findings(page)
    expect(page.get_by_role("dialog", name="Workflow finished")).to_be_visible()
    found += findings(page)
    page.context.clear_cookies()
    page.goto("/login")
    page.get_by_label("E-mail").fill("a@example.com")
    page.get_by_label("Password").fill("b")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert found + findings(page) == []


def test_the_theme_is_remembered_in_the_first_byte_of_the_page(signed_in: Open):
    page = signed_in(color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Switch theme").click()
    page.get_by_role("button", name="Switch theme").click()
    dark = page.evaluate(background)
    assert dark != light
    answer = page.goto("/executions")
    assert answer is not None
    assert 'data-theme="dark"' in answer.text()
    assert page.evaluate(background) == dark
    page.keyboard.press("t")
    assert page.evaluate(background) == light


def test_on_a_small_screen_the_navigation_is_a_drawer(signed_in: Open):
    page = signed_in(viewport=NARROW)
    navigation = page.get_by_role("navigation", name="Main")
    expect(navigation).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(navigation).to_be_visible()
    page.keyboard.press("Escape")
    expect(navigation).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    navigation.get_by_role("link", name="Executions", exact=True).click()
    page.wait_for_url("**/executions")


def test_keys(signed_in: Open):
    page = signed_in()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("/")
    expect(page.locator("[data-search]")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url("**/admin/executions")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
