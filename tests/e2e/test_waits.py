"""People and runs that wait for each other, in a real browser."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.stack import Stack, simulate

Open = Callable[..., Page]


def asking(stack: Stack, **params: object) -> str:
    """A run that asks for a decision, beside a step that keeps the page moving."""
    ask = {"id": "ask", "type": "approval", "name": "Ask the boss", "params": {"message": "Pay 42 EUR?", **params}}
    busy = [simulate(f"s{n}", f"Step {n}", 300) for n in range(12)]
    edges = [{"from": f"s{n}", "to": f"s{n + 1}"} for n in range(11)]
    definition = {"schema": 1, "containers": [{"id": "main", "name": "Main", "nodes": [ask, *busy]}], "edges": edges}
    workflow = stack.call("POST", "/workflows", {"name": "Asks", "definition": definition, "shared": True})["id"]
    stack.call("POST", f"/workflows/{workflow}/publish", {})
    return str(stack.call("POST", f"/workflows/{workflow}/executions", {}, wait_s=0)["id"])


def test_somebody_approves_with_a_comment_while_the_page_moves(stack: Stack, signed_in: Open):
    execution = asking(stack)
    page = signed_in(f"/executions/{execution}?step=step-ask")
    form = page.locator("form[data-decide]")
    form.get_by_label("Comment").fill("Fine by me")
    form.get_by_role("button", name="Approve").focus()
    expect(page.get_by_role("link", name=re.compile(r"^Step 11\b.*success"))).to_be_visible(timeout=20_000)
    expect(form.get_by_label("Comment")).to_have_value("Fine by me")
    expect(page.locator("#banner")).to_contain_text("Ask the boss waits for a decision.")
    form.get_by_role("button", name="Approve").click()
    expect(page.locator("#toast")).to_have_text("Approved")
    expect(page.locator("#banner")).to_contain_text("Finished")
    expect(form).to_have_count(0)
    page.locator("#tab-output").click()
    expect(page.locator("#step .json")).to_contain_text("Fine by me")


def test_who_may_not_decide_sees_the_question_and_no_buttons(stack: Stack, signed_in: Open):
    execution = asking(stack)
    page = signed_in(f"/executions/{execution}?step=step-ask", stack.viewer)
    expect(page.locator(".ask")).to_contain_text("Pay 42 EUR?")
    expect(page.locator(".ask")).to_contain_text("whoever may run the workflow")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)


def test_a_page_that_did_not_hear_of_the_decision_says_who_was_first(stack: Stack, signed_in: Open):
    execution = asking(stack)
    page = signed_in(f"/executions/{execution}?step=step-ask")
    expect(page.locator("form[data-decide]")).to_be_visible()
    page.route("**/live/**", lambda route: route.abort())
    page.reload()
    stack.call("POST", f"/executions/{execution}/steps/step-ask/resume", {"decision": "approve"})
    page.get_by_role("button", name="Reject").click()
    expect(page.locator("#toast")).to_contain_text("has approved this already.")


def test_run_and_child_lead_to_each_other(stack: Stack, signed_in: Open):
    child = stack.publish("The child", [simulate("s", "Slow", 60_000)])
    call = {"id": "call", "type": "workflow.run", "name": "Call it", "params": {"workflowId": child}}
    workflow = stack.publish("The parent", [call])
    execution = stack.call("POST", f"/workflows/{workflow}/executions", {}, wait_s=0)["id"]
    page = signed_in(f"/executions/{execution}")
    page.get_by_role("link", name="another run").click()
    expect(page.locator("#banner")).to_contain_text("by step Call it of The parent")
    page.get_by_role("link", name="Call it").click()
    page.wait_for_url(f"**/executions/{execution}?step=step-call")
    page.get_by_role("button", name="Cancel").click()
