"""The page of a workflow, in a real browser: live, its triggers by keyboard, a webhook's calls, light and dark."""

import json
import os
import re
import subprocess
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.stack import ROOT, Stack, simulate
from tests.e2e.test_dashboard_attention import OVERFLOWING
from tests.e2e.test_dashboard_look import NARROW, WIDE, findings

Open = Callable[..., Page]
SECRET = "a secret, with $HOME and 'quotes\""
ENTERED_AND_HELD = """(field, wall) => {
  field.value = wall;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  return document.querySelector("#backfill [type=submit]").disabled;
}"""
STANDARD = "whsec_" + b64encode(bytes(range(24))).decode()


def published(stack: Stack, name: str) -> str:
    """A workflow with a schedule, a webhook, and one that follows another; its id."""
    followed = stack.publish(f"{name} before", [simulate("a", "A", 1)])
    return triggered(
        stack,
        name,
        {"id": "daily", "type": "schedule", "cron": "0 9 * * *", "name": "Mornings"},
        {"id": "paid", "type": "webhook", "name": "Order paid"},
        {"id": "after", "type": "execution", "workflowId": followed, "on": ["failed"]},
    )


def triggered(stack: Stack, name: str, *triggers: dict[str, Any]) -> str:
    """A published workflow with these triggers; its id."""
    nodes = [simulate("a", "A", 1)]
    definition = {"schema": 1, "containers": [{"id": "main", "name": "Main", "nodes": nodes}], "triggers": triggers}
    workflow = stack.call("POST", "/workflows", {"name": name, "definition": definition, "shared": True})["id"]
    stack.call("POST", f"/workflows/{workflow}/publish", {})
    return str(workflow)


def call_hook(stack: Stack, page: Page) -> str:
    """Call the webhook whose address the page shows; the id of the run."""
    path = urlsplit(page.locator("#url-paid").inner_text()).path
    sent = urllib.request.Request(f"{stack.url}{path}", b'{"n": 7}', {"Content-Type": "application/json"})
    with urllib.request.urlopen(sent) as answer:
        return str(json.loads(answer.read())["executionId"])


def test_runs_that_begin_elsewhere_are_seen_without_a_reload(stack: Stack, signed_in: Open):
    workflow = stack.publish("Followed here", [simulate("a", "A", 1), simulate("b", "B", 2_500)])
    page = signed_in(f"/workflows/{workflow}")
    expect(page.locator("#live-dot")).to_have_text("Live")
    expect(page.locator("#recent")).to_contain_text("It never ran")
    page.evaluate("document.body.dataset.same = ''")
    run = stack.call("POST", f"/workflows/{workflow}/executions", {}, wait_s=0)["id"]
    expect(page.locator(f"#recent-{run}")).to_contain_text("Running")
    expect(page.locator("#running")).to_contain_text("1 running")
    expect(page.locator(f"#running-{run}")).to_contain_text("1 / 2 steps")
    expect(page.locator(f"#running-{run} progress")).to_have_attribute("value", "1")
    expect(page.locator(f"#recent-{run}")).to_contain_text("Success")
    expect(page.locator("#running section")).to_have_count(0)
    expect(page.locator("#about")).to_contain_text("100")
    expect(page.locator("body")).to_have_attribute("data-same", "")
    page.locator(f"#recent-{run}").get_by_role("link").click()
    page.wait_for_url(f"**/executions/{run}")


def test_what_somebody_does_there_survives_what_happens_elsewhere(stack: Stack, signed_in: Open):
    workflow = published(stack, "Held in hand")
    page = signed_in(f"/workflows/{workflow}")
    call_hook(stack, page)
    page.locator("#trigger-paid").get_by_text("Last calls").click()
    page.get_by_role("button", name="Run with input…").click()
    dialog = page.get_by_role("dialog", name="Run with input")
    dialog.get_by_label("Input (JSON)").fill('{"half": ')
    run = call_hook(stack, page)
    expect(page.locator(f"#recent-{run}")).to_contain_text("Success")
    expect(dialog.get_by_label("Input (JSON)")).to_be_focused()
    expect(dialog.get_by_label("Input (JSON)")).to_have_value('{"half": ')
    page.keyboard.press("Escape")
    expect(page.locator("#trigger-paid").get_by_role("link", name=run)).to_be_visible()
    before = page.locator(f"#recent-{run} a")
    before.focus()
    scrolled = page.evaluate("scrollTo(0, 300), scrollY")
    newer = call_hook(stack, page)
    expect(page.locator(f"#recent-{newer}")).to_contain_text("Success")
    expect(before).to_be_focused()
    assert page.evaluate("scrollY") == scrolled


def test_a_schedule_is_paused_resumed_and_run_by_keyboard(stack: Stack, signed_in: Open):
    workflow = published(stack, "By keyboard")
    page = signed_in(f"/workflows/{workflow}")
    trigger = page.locator("#trigger-daily")
    expect(trigger).to_contain_text("At 09:00 every day, UTC")
    trigger.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_have_text("Paused")
    expect(trigger.get_by_role("button", name="Resume")).to_be_focused()
    expect(trigger).to_contain_text("Paused")
    page.keyboard.press("Enter")
    expect(trigger.get_by_role("button", name="Pause")).to_be_focused()
    trigger.get_by_role("button", name="Run now Mornings").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_have_text("Started Open the run")
    trigger.get_by_text("Last firings").click()
    run = trigger.get_by_role("link", name="exec-").inner_text()
    trigger.get_by_role("button", name="Run now Mornings").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Open the run")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/executions/{run}")


def test_a_range_of_a_schedule_is_done_again_by_keyboard(stack: Stack, signed_in: Open):
    timing = {"cron": "0 9 * * *", "timezone": "America/New_York"}
    workflow = triggered(stack, "Again", {"id": "daily", "type": "schedule", **timing})
    page = signed_in(f"/workflows/{workflow}")
    button = page.get_by_role("button", name="Backfill… daily")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Backfill")
    expect(dialog).to_contain_text("Times of America/New_York")
    expect(dialog.get_by_label("From")).to_be_focused()
    expect(dialog.get_by_role("status")).to_have_text("1 run to start")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    # Both ends are firings, in summer and in winter.
    dialog.get_by_label("From").fill("2026-03-07T09:00")
    dialog.get_by_label("To").fill("2026-03-09T09:00")
    expect(dialog.get_by_role("status")).to_have_text("3 runs to start")
    dialog.get_by_label("To").fill("2026-03-06T09:00")
    expect(dialog.get_by_role("alert")).to_have_text("The end is before the beginning.")
    expect(dialog.get_by_label("To")).to_have_attribute("aria-invalid", "true")
    dialog.get_by_label("From").fill("2020-03-07T09:00")
    dialog.get_by_label("To").fill("2026-03-10T08:59")
    expect(dialog.get_by_role("alert")).to_contain_text("There are more than 1,000 firings")
    dialog.get_by_label("From").fill("2026-03-07T09:00")
    expect(dialog.get_by_role("button", name="Start 3 runs")).to_be_enabled()
    # Nothing starts that was not counted, however quick somebody is.
    assert dialog.get_by_label("To").evaluate(ENTERED_AND_HELD, "2026-03-08T09:00")
    assert dialog.get_by_label("To").evaluate(ENTERED_AND_HELD, "2026-03-09T09:00")
    dialog.get_by_role("button", name="Start 3 runs").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_have_text("3 runs will start Open the runs")
    expect(page.locator("#trigger-daily")).to_contain_text("3 firings waiting to start")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_label("From").fill("2026-03-07T09:00")
    dialog.get_by_label("To").fill("2026-03-09T09:00")
    expect(dialog.get_by_role("status")).to_have_text("0 runs to start, 3 firings had theirs")
    expect(dialog.get_by_role("button", name="Nothing to start")).to_be_disabled()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    page.get_by_role("link", name="Open the runs").click()
    page.wait_for_url(f"**/admin/executions?workflow={workflow}&trigger=schedule")


def test_a_webhook_shows_its_address_and_its_calls_which_can_be_sent_again(stack: Stack, signed_in: Open):
    workflow = published(stack, "Called")
    page = signed_in(f"/workflows/{workflow}")
    hook = page.locator("#trigger-paid")
    expect(hook).to_contain_text("Whoever knows the address may call it")
    hook.get_by_role("button", name="Copy the address of Order paid").click()
    expect(page.locator("#toast")).to_have_text("Copied")
    execution = call_hook(stack, page)
    hook.get_by_text("Last calls").click()
    expect(hook.get_by_role("link", name=execution)).to_be_visible()
    hook.get_by_role("button", name="Run again").click()
    expect(page.locator("#toast")).to_have_text("Started Open the run")
    expect(hook).to_contain_text("sent again from here")
    expect(hook.get_by_role("link", name="exec-")).to_have_count(2)
    page.locator("#trigger-after").get_by_role("link", name="Called before").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Called before")
    page.goto("/workflows")
    assert page.locator(f"#row-{workflow}").get_by_title("Trigger: webhook").count() == 1


def test_the_command_beside_an_address_calls_it_and_so_does_the_one_of_the_docs(stack: Stack, signed_in: Open):
    secrets = {"hmac": {"secret": SECRET}, "http.header": {"name": "X-Shop-Key", "value": SECRET}}
    secrets["http.basic"] = {"username": "shop", "password": SECRET}
    named = {
        type: stack.call("POST", "/credentials", {"name": type, "type": type, "fields": fields})["id"]
        for type, fields in secrets.items()
    }
    standard = {"name": "s", "type": "hmac", "fields": {"secret": STANDARD}}
    hmac = {"type": "hmac", "credential": named["hmac"]}
    ways: dict[str, dict[str, Any]] = {
        "open": {"type": "none"},
        "word": {"type": "secret", "credential": named["hmac"]},
        "own_header": {"type": "secret", "credential": named["http.header"]},
        "header": {"type": "secret", "credential": named["http.header"], "header": "X-Other"},
        "basic": {"type": "basic", "credential": named["http.basic"]},
        "plain": hmac,
        "special": hmac | {"algorithm": "sha512", "encoding": "base64", "prefix": '`$x"!=', "timestampHeader": "X-At"},
        **{
            preset.replace("-", "_"): hmac | {"preset": preset}
            for preset in ("github", "stripe", "slack", "standard-webhooks")
        },
        "standard": {"type": "hmac", "preset": "standard-webhooks"}
        | {"credential": stack.call("POST", "/credentials", standard)["id"]},
    }
    hooks = [{"id": key, "type": "webhook", "authentication": way} for key, way in ways.items()]
    hooks.append({"id": "read", "type": "webhook", "methods": ["GET"], "authentication": hmac})
    page = signed_in(f"/workflows/{triggered(stack, 'From a shell', *hooks)}")
    url = page.locator("#url-plain").inner_text()
    told = url.partition("/hooks/")[0]
    lines = {key: page.locator(f"#curl-{key}").inner_text().replace(told, stack.url) for key in [*ways, "read"]}
    assert SECRET not in page.content()
    shell = {"SECRET": SECRET, "LOGIN": "shop", "HEADER": "X-Shop-Key", "URL": url.replace(told, stack.url)}
    answers = {
        key: in_shell(line, shell | ({"SECRET": STANDARD} if key == "standard" else {})) for key, line in lines.items()
    }
    (example,) = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/webhooks.md").read_text(), re.DOTALL)
    answers["docs"] = in_shell(example, shell)
    assert {key: answer for key, answer in answers.items() if list(answer) != ["executionId"]} == {}
    assert "status" in in_shell(lines["plain"], shell | {"SECRET": "wrong"})


def in_shell(line: str, variables: dict[str, str]) -> Any:
    """What is answered to a call that a shell makes."""
    done = subprocess.run(["bash", "-c", line], env=os.environ | variables, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(stack: Stack, signed_in: Open, scheme: str, viewport: dict[str, int]):
    workflow = published(stack, f"Seen {scheme} {viewport['width']}")
    page = signed_in(f"/workflows/{workflow}", color_scheme=scheme, viewport=viewport, bypass_csp=True)
    call_hook(stack, page)
    page.reload()
    page.locator("#trigger-paid").get_by_text("Last calls").click()
    found = findings(page)
    page.get_by_role("button", name="Backfill… Mornings").click()
    expect(page.get_by_role("dialog", name="Backfill").get_by_role("status")).to_have_text("1 run to start")
    found += findings(page)
    page.goto("/admin/workflows")
    found += findings(page)
    assert (found, page.evaluate(OVERFLOWING)) == ([], 0)
