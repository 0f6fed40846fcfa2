"""Credentials in a real browser, by keyboard: made, refused, tried, changed, deleted; what is secret never comes back."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Locator, Page, expect

from services.standalone.servers.postgres import Postgres
from services.standalone.servers.valkey import Valkey
from tests.e2e.post_box import PASSWORD, install, post_box
from tests.e2e.stack import ROOT, Stack, running_stack, simulate
from tests.e2e.test_dashboard_attention import OVERFLOWING
from tests.e2e.test_dashboard_look import NARROW, WIDE, findings
from tests.servers.postgres import create_database, drop_database

Open = Callable[..., Page]
DATABASE = "credential_pages"
SECRET = "0123456789abcdef-never-shown-again"


@pytest.fixture(scope="module")
def stack(
    session_postgres: Postgres,
    template_database: str,
    session_valkey: Valkey,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """One that knows the post box, and may call this host."""
    folder = tmp_path_factory.mktemp("types")
    install(folder)
    more = {"PYTHONPATH": f"{folder}:{ROOT}", "FLOWVERSAL_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8"}
    create_database(session_postgres, DATABASE, template_database)
    with running_stack(session_postgres.url_of(DATABASE), session_valkey.url, **more) as running:
        yield running
    drop_database(session_postgres, DATABASE)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with post_box() as listening:
        yield listening


def made(stack: Stack, name: str, port: int = 1, **more: Any) -> str:
    """A post box; its id."""
    fields = {"host": "127.0.0.1", "port": port, "password": PASSWORD, "pin": "4711-4711"}
    body = {"name": name, "type": "post.box", "fields": fields} | more
    return str(stack.call("POST", "/credentials", body)["id"])


def field(page: Page, name: str) -> Locator:
    return page.locator(f"[data-field={name}]")


def test_one_is_made_by_keyboard_and_its_secret_is_gone(stack: Stack, signed_in: Open):
    page = signed_in("/credentials")
    page.get_by_role("link", name="New credential").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Signing key").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name", exact=False)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#error-name")).to_have_text("Give it a name.")
    expect(field(page, "secret").get_by_text("This is needed.")).to_be_visible()
    page.keyboard.type("Key of the shop")
    page.keyboard.press("Tab")
    expect(page.locator("#field-secret")).to_be_focused()
    page.keyboard.type("short")
    page.keyboard.press("Enter")
    expect(page.locator("#error-secret")).to_contain_text("at least 16 characters")
    expect(page.locator("#field-secret")).to_be_focused()
    expect(page.locator("#field-secret")).to_have_attribute("aria-invalid", "true")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Show Secret")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#field-secret")).to_have_attribute("type", "text")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(SECRET)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/credentials/cred-\w{26}$"))
    expect(page.locator("#toast")).to_contain_text("Created.")
    expect(field(page, "secret")).to_contain_text("Stored; leave empty to keep it.")
    expect(page.locator("#field-secret")).to_have_value("")
    assert SECRET not in page.content()
    assert SECRET not in str(page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])"))
    found = stack.call("GET", f"/credentials/{page.url.rpartition('/')[2]}")
    assert (found["name"], found["secrets"]) == ("Key of the shop", {"secret": True})


def test_one_is_tried_before_it_is_stored_and_every_field_arrives(stack: Stack, signed_in: Open, port: int):
    page = signed_in("/credentials/new?type=post.box")
    page.get_by_label("Name *").fill("My box")
    page.get_by_label("Host *").fill("127.0.0.1")
    page.get_by_label("Port").fill(str(port))
    page.get_by_label("Password *").fill("not the right one")
    page.get_by_role("button", name="Test").click()
    tried = page.locator("#credential-tried")
    expect(tried).to_contain_text("127.0.0.1 refuses the password: type another one.", timeout=40_000)
    expect(tried).to_have_class(re.compile("s-failed"))
    expect(page.get_by_role("button", name="Test")).to_be_focused()
    page.get_by_label("Password *").fill(PASSWORD)
    expect(tried).to_be_empty()
    page.get_by_role("button", name="Test").click()
    expect(tried).to_contain_text("127.0.0.1 lets you in.", timeout=40_000)
    expect(tried).to_have_class(re.compile("s-success"))
    page.get_by_label("Parameters").fill('{"a": }')
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#error-parameters")).to_contain_text("This is not valid JSON")
    page.get_by_label("Parameters").fill('{"a": "b"}')
    page.get_by_label("Security").select_option("tls")
    page.get_by_label("Strict").select_option("No")
    page.get_by_label("Key", exact=True).fill("-----BEGIN\nKEY-----")
    page.get_by_label("Only for these hosts").fill("https://127.0.0.1\n")
    page.get_by_label("Share it").check()
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#error-hosts")).to_contain_text("without scheme")
    page.get_by_label("Only for these hosts").fill("127.0.0.1\n*.example.com")
    page.get_by_role("button", name="Create").click()
    page.wait_for_url(re.compile(r"/credentials/cred-"))
    found = stack.call("GET", f"/credentials/{page.url.rpartition('/')[2]}")
    wanted = {"host": "127.0.0.1", "port": port, "security": "tls", "strict": False, "parameters": {"a": "b"}}
    assert found["fields"] == wanted
    assert found["secrets"] == {"password": True, "pin": False, "key": True}
    assert (found["shared"], found["hosts"]) == (True, ["127.0.0.1", "*.example.com"])


def test_a_change_sends_what_was_changed_and_keeps_the_secrets(stack: Stack, signed_in: Open, port: int):
    id = made(stack, "To be changed", port)
    page = signed_in(f"/credentials/{id}")
    expect(page.get_by_label("Host *")).to_have_value("127.0.0.1")
    page.get_by_label("Name *").fill("Changed")
    page.get_by_label("Port").fill("")
    page.get_by_label("Remove it: Pin").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#toast")).to_contain_text("Saved.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Changed")
    expect(page.get_by_label("Port")).to_have_value("")
    found = stack.call("GET", f"/credentials/{id}")
    assert found["fields"] == {"host": "127.0.0.1"}
    assert found["secrets"] == {"password": True, "pin": False, "key": False}
    page.get_by_label("Port").fill(str(port))
    page.get_by_role("button", name="Test").click()
    expect(page.locator("#credential-tried")).to_contain_text("127.0.0.1 lets you in.", timeout=40_000)
    stack.call("PUT", f"/credentials/{id}", {"name": "Quicker"}, headers={"If-Match": '"2"'})
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#credential-error")).to_contain_text("Somebody else changed this credential meanwhile.")
    expect(page.get_by_label("Port")).to_have_value(str(port))


def test_what_workflows_use_is_deleted_only_all_the_same(stack: Stack, signed_in: Open):
    id = made(stack, "In use")
    stack.publish("Uses it", [simulate("a", f"With {id}", 1)])
    page = signed_in(f"/credentials/{id}")
    opener = page.get_by_role("button", name="Delete…")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Delete “In use”?")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    opener.click()
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Workflows still use it.")
    expect(dialog.get_by_role("link", name="Uses it")).to_be_visible()
    dialog.get_by_role("button", name="Delete all the same").click()
    page.wait_for_url("**/credentials")
    expect(page.locator("#toast")).to_have_text("Deleted")
    expect(page.locator(f"#row-{id}")).to_have_count(0)
    with pytest.raises(HTTPError, match="404"):
        stack.call("GET", f"/credentials/{id}")


def test_the_editor_writes_an_id_where_the_cursor_is(stack: Stack, signed_in: Open):
    id = made(stack, "For the editor")
    page = signed_in("/workflows/new")
    text = page.locator("#definition")
    choose = page.get_by_role("button", name="For the editor")
    choose.click()
    expect(page.locator("#toast")).to_contain_text("Put the cursor where the id belongs")
    for before, after in (
        ('{"a": ""', f'{{"a": "{id}"'),
        ('{"a": ', f'{{"a": "{id}"'),
        ('{"\\"": ', f'{{"\\"": "{id}"'),
    ):
        text.fill(before)
        if before.endswith('"'):
            page.keyboard.press("ArrowLeft")
        choose.focus()
        page.keyboard.press("Enter")
        expect(text).to_have_value(after)
        expect(text).to_be_focused()
    page.keyboard.press("ControlOrMeta+z")
    expect(text).to_have_value('{"\\"": ')


PARAMS = """{
            "to": ["a@example.com"],
            "attachments": [{"name": "a", "content": {"credential": "kept", "n": 77777777777777777777}}]%s
          }"""


def test_a_problem_and_a_choice_put_the_id_into_the_right_object(stack: Stack, signed_in: Open):
    id = made(stack, "For the right place")
    page = signed_in("/workflows/new")
    text = page.locator("#definition")
    whole = (
        '{"schema": 1, "containers": [{"id": "c", "name": "C", "nodes": [{"id": "mail", "name": "Mail", '
        '"type": "email.send", "params": %s}]}]}'
    )
    text.fill(whole % (PARAMS % ""))
    page.locator("#problems button").filter(has_text="mail · credential").click()
    page.get_by_role("button", name="For the right place").click()
    mended = (PARAMS % "").replace("{", '{\n            "credential": "' + id + '",', 1)
    expect(text).to_have_value(whole % mended)
    expect(
        page.locator("#problems button").filter(has_text="mail · credential").filter(has_text="missing")
    ).to_have_count(0)


@pytest.mark.parametrize("own", ['"old"', "null", '{"id": "a \\" b"}', '["x"]'])
def test_only_the_own_credential_of_an_object_is_replaced(stack: Stack, signed_in: Open, own: str):
    id = made(stack, "Instead")
    page = signed_in("/workflows/new")
    text = page.locator("#definition")
    before = PARAMS % f', "credential": {own}'
    text.fill(before)
    text.select_text()
    page.get_by_role("button", name="Instead").first.click()
    expect(text).to_have_value(PARAMS % f', "credential": "{id}"')


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        ('{"nodes": [', "]}", '{"nodes": [%s]}'),
        ('{"nodes": [{"id": "limit"}', "]}", '{"nodes": [{"id": "limit"}, %s]}'),
        ('{"nodes": [', '{"id": "b"}]}', '{"nodes": [%s, {"id": "b"}]}'),
    ],
)  # fmt: skip
def test_the_editor_writes_an_example_of_a_node(signed_in: Open, before: str, after: str, written: str):
    page = signed_in("/workflows/new")
    text = page.locator("#definition")
    page.get_by_placeholder("Name or what it does").fill("first or the last")
    text.fill(before + after)
    for _ in after:
        page.keyboard.press("ArrowLeft")
    choose = page.locator("#choose-node").get_by_role("button", name="Limit")
    choose.focus()
    page.keyboard.press("Enter")
    node = {
        "id": "limit2" if '"limit"' in before else "limit",
        "type": "limit",
        "params": {"items": [1, 2, 3], "count": 2},
    }
    expect(text).to_have_value(written % json.dumps(node, indent=2))
    expect(text).to_be_focused()


def test_g_c_leads_here_and_the_list_narrows_as_one_types(stack: Stack, signed_in: Open):
    id = made(stack, "Needle")
    page = signed_in()
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url("**/credentials")
    page.keyboard.press("/")
    page.keyboard.type("needl")
    expect(page.locator(".row-link")).to_have_text(["Needle"])
    assert page.url.endswith("?q=needl")
    page.get_by_label("Type").select_option("Signing key")
    expect(page.get_by_role("heading", name="No credential matches")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    page.locator(f"#row-{id}").get_by_role("button", name="Copy id of Needle").click()
    expect(page.locator("#toast")).to_have_text("Copied")


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(stack: Stack, signed_in: Open, scheme: str, viewport: dict[str, int]):
    id = made(stack, "Looked at, with a name that is far too long for one line of any screen", hosts=["a.example"])
    page = signed_in(color_scheme=scheme, viewport=viewport, bypass_csp=True)
    found, overflowing = [], []
    for place in (
        "/credentials",
        "/credentials?q=nothing-like-this",
        "/credentials/new",
        "/credentials/new?type=post.box",
        f"/credentials/{id}",
    ):
        page.goto(place)
        found += findings(page)
        overflowing += [place for _ in range(page.evaluate(OVERFLOWING))]
    expect(field(page, "password")).to_contain_text("Stored")
    page.get_by_label("Host *").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#error-host")).to_be_visible()
    found += findings(page)
    page.get_by_role("button", name="Delete…").click()
    found += findings(page)
    assert (found, overflowing) == ([], [])
