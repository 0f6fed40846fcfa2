"""People at the dashboard, in a real browser, with a real worker behind it."""

import json
import re
from collections.abc import Callable

import psycopg
from playwright.sync_api import Browser, Page, expect

from tests.e2e.stack import PASSWORD, Stack, simulate

Open = Callable[..., Page]
SLOW_MS = 60_000


def press_run(page: Page, workflow: str) -> None:
    page.locator(f"[data-run='{workflow}']").click()


def start(stack: Stack, workflow: str) -> str:
    # Without a wait: the answer of a started run comes at once.
    answer = stack.call("POST", f"/workflows/{workflow}/executions", {}, wait_s=0)
    return str(answer["id"])


def test_sign_in_says_the_same_for_every_wrong_pair_and_goes_on_to_the_wanted_page(browser: Browser, stack: Stack):
    page = browser.new_context(base_url=stack.url).new_page()
    page.goto("/executions?status=failed")
    assert "/login?next=" in page.url
    messages = set()
    for email in (stack.admin, "nobody@example.com"):
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill("wrong wrong wrong")
        page.get_by_role("button", name="Sign in").click()
        messages.add(page.get_by_role("alert").inner_text())
    assert len(messages) == 1
    page.get_by_label("E-mail").fill(stack.admin)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/executions?status=failed")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")
    page.goto("/workflows")
    assert "/login" in page.url
    page.context.close()


def test_a_run_shows_every_button_state_the_results_and_the_way_to_admin(stack: Stack, signed_in: Open):
    workflow = stack.publish("Green run", [simulate("a", "First", 700), simulate("b", "Second", 500)])
    page = signed_in()
    button = page.locator(f"[data-run='{workflow}']")
    expect(button).to_have_text("Run")
    button.click()
    expect(button).to_have_text("Cancel")
    expect(button).to_have_attribute("data-state", "executing")
    results = page.get_by_role("dialog", name="Workflow finished")
    expect(results).to_be_visible()
    assert re.fullmatch(r"\d\.\ds", button.inner_text())
    expect(results.locator("[data-part=steps]")).to_have_text("2")
    expect(results.locator("[data-part=tokens]")).to_have_text("14")
    execution = results.locator("[data-part=id]").inner_text()
    results.get_by_role("button", name="Copy execution id").click()
    expect(page.locator("#toast")).to_have_text("Copied")
    results.get_by_role("link", name="View in Admin").click()
    expect(page.locator(f"#row-{execution}")).to_contain_text("Green run")
    expect(page.locator(f"#row-{execution}")).to_contain_text("Manual")


def test_after_a_while_the_button_is_ready_again_and_the_row_knows_the_run(stack: Stack, signed_in: Open):
    workflow = stack.publish("Quick run", [simulate("a", "Only", 50)])
    page = signed_in()
    press_run(page, workflow)
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    expect(page.locator(f"[data-run='{workflow}']")).to_have_text("Run")
    row = page.locator(f"#row-{workflow}")
    expect(row).to_contain_text("Success")
    expect(row).to_contain_text("1 run")
    expect(row).to_contain_text("100")


def test_a_failed_run_names_the_step_and_the_error(stack: Stack, signed_in: Open):
    failing = {"id": "b", "type": "fail", "name": "Mail the team", "params": {"code": "NO_MAILBOX", "message": "Gone."}}
    workflow = stack.publish("Red run", [simulate("a", "First", 50), failing])
    page = signed_in()
    press_run(page, workflow)
    results = page.get_by_role("dialog", name="Workflow failed")
    expect(results).to_contain_text("“Mail the team”: Gone. (NO_MAILBOX)")
    expect(page.locator(f"[data-run='{workflow}']")).to_have_text("Failed")
    execution = results.locator("[data-part=id]").inner_text()
    page.goto(f"/executions/{execution}")
    expect(page.locator("#banner")).to_contain_text("Failed at “Mail the team”")
    expect(page.locator("#step .json")).to_contain_text("NO_MAILBOX")


def test_the_executing_button_cancels(stack: Stack, signed_in: Open):
    workflow = stack.publish("Long run", [simulate("a", "Endless", SLOW_MS)])
    page = signed_in()
    button = page.locator(f"[data-run='{workflow}']")
    button.click()
    expect(button).to_have_text("Cancel")
    page.wait_for_function("id => document.getElementById('progress-' + id)?.hidden === false", arg=workflow)
    button.click()
    expect(page.get_by_role("dialog", name="Workflow canceled")).to_be_visible()
    expect(button).to_have_text("Run")


def test_an_unpublished_workflow_cannot_run_and_says_why(stack: Stack, signed_in: Open):
    definition = {"schema": 1, "containers": [{"id": "c", "name": "C", "nodes": [simulate("a", "A", 1)]}]}
    workflow = stack.call("POST", "/workflows", {"name": "Only a draft", "definition": definition})["id"]
    page = signed_in()
    button = page.locator(f"[data-run='{workflow}']")
    expect(button).to_be_disabled()
    expect(button).to_have_accessible_description(re.compile("Publish it first"))


def test_run_with_input_refuses_what_is_not_json(stack: Stack, signed_in: Open):
    echo = {"id": "a", "type": "transform", "name": "Echo", "params": {"output": "{{ input }}"}}
    workflow = stack.publish("Echo", [echo])
    page = signed_in()
    page.locator(f"[data-run-input='{workflow}']").click()
    dialog = page.get_by_role("dialog", name="Run with input")
    dialog.get_by_label("Input (JSON)").fill('{"name": }')
    dialog.get_by_role("button", name="Run").click()
    expect(dialog.get_by_role("alert")).to_contain_text("not valid JSON")
    dialog.get_by_label("Input (JSON)").fill('{"name": "Ada"}')
    dialog.get_by_role("button", name="Run").click()
    results = page.get_by_role("dialog", name="Workflow finished")
    page.goto(f"/executions/{results.locator('[data-part=id]').inner_text()}")
    expect(page.locator("#run-output-json")).to_contain_text('"name": "Ada"')


def test_the_live_indicator_comes_and_goes_while_somebody_types(stack: Stack, signed_in: Open):
    workflow = stack.publish("Watched", [simulate("a", "One", 900), simulate("b", "Two", 900)])
    page = signed_in("/admin/executions")
    expect(page.locator("#running section")).to_have_count(0)
    expect(page.locator("#live-dot")).to_have_text("Live")
    search = page.locator("[data-search]")
    page.keyboard.press("/")
    expect(search).to_be_focused()
    execution = start(stack, workflow)
    expect(page.locator("#running")).to_contain_text("1 workflow running", timeout=2_000)
    expect(page.locator("#running")).to_contain_text("Watched")
    expect(page.locator("#nav-count")).to_contain_text("1")
    search.press_sequentially("Watch", delay=30)
    expect(page.locator(f"#row-{execution}")).to_contain_text("Success")
    expect(page.locator("#running section")).to_have_count(0)
    expect(search).to_be_focused()
    expect(search).to_have_value("Watch")
    assert page.url.endswith("?q=Watch")


def test_filters_and_pages_live_in_the_url(stack: Stack, signed_in: Open):
    workflow = stack.publish("Many", [simulate("a", "A", 0)])
    for _ in range(52):
        start(stack, workflow)
    page = signed_in("/admin/executions")
    page.get_by_label("Status").select_option("success")
    page.wait_for_url("**/admin/executions?status=success")
    page.locator("[data-search]").fill("Many")
    page.wait_for_url("**q=Many&status=success")
    expect(page.locator("#executions tbody tr")).to_have_count(50)
    first = page.locator("#executions tbody tr").first.get_attribute("id")
    page.get_by_role("link", name="Older").click()
    page.wait_for_url("**before=exec-*")
    expect(page.locator("#executions tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Newer").click()
    expect(page.locator("#executions tbody tr").first).to_have_attribute("id", str(first))
    page.get_by_label("Trigger").select_option("schedule")
    expect(page.locator("#executions")).to_contain_text("Nothing matches these filters")
    page.go_back()


def test_an_execution_is_followed_live_and_keeps_the_opened_step(stack: Stack, signed_in: Open):
    nodes = [simulate("a", "One", 600), simulate("b", "Two", 1_200), simulate("c", "Three", SLOW_MS)]
    execution = start(stack, stack.publish("Followed", nodes))
    page = signed_in(f"/executions/{execution}")
    page.get_by_role("link", name=re.compile("^One")).click()
    page.wait_for_url("**step=step-a")
    page.locator("#tab-input").click()
    page.wait_for_url("**tab=input")
    page.locator("#tab-input").focus()
    expect(page.get_by_role("link", name=re.compile(r"^Two\b.*success"))).to_be_visible()
    expect(page.get_by_role("link", name=re.compile(r"^Three\b.*running"))).to_be_visible()
    expect(page.locator("#step h2")).to_have_text("One")
    expect(page.locator("#tab-input")).to_be_focused()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#banner")).to_contain_text("Canceled")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_the_dot_tells_when_the_stream_drops_and_comes_back(stack: Stack, signed_in: Open):
    page = signed_in("/admin/executions")
    dot = page.locator("#live-dot")
    expect(dot).to_have_attribute("data-state", "on")
    page.route("**/live/**", lambda route: route.abort())
    page.locator("[data-search]").fill("x")
    expect(dot).to_have_text("reconnecting…")
    page.unroute("**/live/**")
    expect(dot).to_have_text("Live")


def test_a_page_whose_session_is_over_leads_to_the_sign_in_form(
    stack: Stack, signed_in: Open, database: psycopg.Connection
):
    workflow = stack.publish("After hours", [simulate("a", "A", 1)])
    page = signed_in("/admin/executions")
    expect(page.locator("#live-dot")).to_have_attribute("data-state", "on")
    database.execute("DELETE FROM sessions")
    start(stack, workflow)
    page.wait_for_url("**/login?next=/admin/executions")


def test_a_workflow_is_written_published_and_run_in_the_browser(stack: Stack, signed_in: Open):
    page = signed_in("/workflows/new")
    expect(page.locator("#problems-badge")).to_have_text("None")
    broken = {
        "schema": 1,
        "containers": [{"id": "c", "name": "C", "nodes": [{"id": "n", "type": "nope", "name": "N"}]}],
    }
    page.get_by_role("textbox", name="Definition (JSON)").fill(json.dumps(broken, indent=2))
    problem = page.locator("#problems button").filter(has_text="n · type")
    expect(problem).to_have_attribute("title", "containers[0].nodes[0].type")
    expect(problem.locator("span code").first).to_have_text("nope")
    assert "`" not in problem.inner_text()
    problem.click()
    selected = page.evaluate(
        "() => document.getSelection().toString() || (e => e.value.slice(e.selectionStart, e.selectionEnd))(document.activeElement)"
    )
    assert selected == '"nope"'
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("#name-error")).to_have_text("Give the workflow a name.")
    page.get_by_label("Name").fill("Made by hand")
    fixed = broken | {"containers": [{"id": "c", "name": "C", "nodes": [simulate("n", "N", 10)]}]}
    page.get_by_role("textbox", name="Definition (JSON)").fill(json.dumps(fixed))
    expect(page.locator("#problems-badge")).to_have_text("None")
    page.get_by_role("button", name="Publish").click()
    page.wait_for_url(re.compile(r"/workflows/wf-\w{26}$"))
    expect(page.get_by_role("img", name="1 step: N")).to_be_visible()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("dialog", name="Workflow finished")).to_be_visible()


def test_a_new_workflow_that_cannot_be_published_is_one_draft(stack: Stack, signed_in: Open):
    page = signed_in("/workflows/new")
    page.get_by_label("Name").fill("Only once")
    text = page.get_by_role("textbox", name="Definition (JSON)")
    definition = {"schema": 1, "containers": [{"id": "c", "name": "C", "nodes": [simulate("n", "N", -1)]}]}
    text.fill(json.dumps(definition))
    page.get_by_role("button", name="Publish").click()
    page.wait_for_url(re.compile(r"/workflows/wf-\w{26}/edit$"))
    expect(page.locator("#editor-state")).to_have_text("Saved as a draft")
    expect(page.locator("#problems button")).to_contain_text("n · durationMs")
    text.fill(json.dumps(definition).replace("-1", "-2"))
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("#editor-state")).to_have_text("Saved as a draft")
    text.fill(json.dumps(definition).replace("-1", "1"))
    page.get_by_role("button", name="Publish").click()
    page.wait_for_url(re.compile(r"/workflows/wf-\w{26}$"))
    found = stack.call("GET", "/workflows?search=Only+once")["items"]
    assert [(each["id"], each["publishedVersion"]) for each in found] == [(page.url.rpartition("/")[2], 1)]


def test_a_template_that_is_not_there_is_said_with_those_that_are(signed_in: Open):
    page = signed_in("/workflows/new?template=xyz")
    expect(page.get_by_text("There is no template xyz")).to_be_visible()
    page.get_by_role("link", name="Three steps").click()
    expect(page.get_by_label("Name")).to_have_value("Three steps in a row")


def test_no_integer_is_rounded_on_its_way_through_the_browser(stack: Stack, signed_in: Open):
    """What is beyond 2^53 would be, if a script parsed it."""
    big = int("7" * 100)
    value = {"id": "a", "type": "transform", "name": "Big", "params": {"output": ["{{ input }}", big]}}
    workflow = stack.publish("Big numbers", [value])
    page = signed_in(f"/workflows/{workflow}/edit")
    text = page.get_by_role("textbox", name="Definition (JSON)")
    page.get_by_label("Description").fill("Only this is new")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#editor-state")).to_have_text("Saved")
    assert (
        stack.call("GET", f"/workflows/{workflow}")["definition"]["containers"][0]["nodes"][0]["params"]["output"][1]
        == big
    )
    page.get_by_role("button", name="Format", exact=True).click()
    text.press("End")
    text.fill(text.input_value().replace('"Big"', '"Bigger"'))
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#editor-state")).to_have_text("Saved")
    saved = stack.call("GET", f"/workflows/{workflow}")["definition"]["containers"][0]["nodes"][0]
    assert (saved["name"], saved["params"]["output"][1]) == ("Bigger", big)
    page.goto("/workflows")
    page.locator(f"[data-run-input='{workflow}']").click()
    dialog = page.get_by_role("dialog", name="Run with input")
    dialog.get_by_label("Input (JSON)").fill(str(big))
    dialog.get_by_role("button", name="Run").click()
    results = page.get_by_role("dialog", name="Workflow finished")
    execution = results.locator("[data-part=id]").inner_text()
    assert stack.call("GET", f"/executions/{execution}")["output"] == [big, big]


def test_a_viewer_looks_but_neither_runs_nor_writes(stack: Stack, signed_in: Open):
    workflow = stack.publish("Shared with all", [simulate("a", "A", 1)])
    page = signed_in("/workflows", stack.viewer)
    expect(page.locator(f"[data-run='{workflow}']")).to_be_disabled()
    expect(page.get_by_role("link", name="New workflow")).to_have_count(0)
    expect(page.get_by_role("link", name="Users")).to_have_count(0)
    page.goto("/admin/users")
    expect(page.get_by_role("heading", name="You may not see this")).to_be_visible()
