"""A running stack for the module, one browser for the session, and signed-in pages that tolerate no error."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from services.standalone.servers.postgres import Postgres
from services.standalone.servers.valkey import Valkey
from tests.e2e.stack import PASSWORD, Stack, running_stack
from tests.servers.postgres import create_database, drop_database

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DATABASE = "browser_tests"

expect.set_options(timeout=15_000)


@pytest.fixture(scope="module")
def stack(session_postgres: Postgres, template_database: str, session_valkey: Valkey) -> Iterator[Stack]:
    create_database(session_postgres, DATABASE, template_database)
    with running_stack(session_postgres.url_of(DATABASE), session_valkey.url) as running:
        yield running
    drop_database(session_postgres, DATABASE)


@pytest.fixture
def database(stack: Stack, session_postgres: Postgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(session_postgres.url_of(DATABASE), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def signed_in(browser: Browser, stack: Stack) -> Iterator[Callable[..., Page]]:
    """Opens a page as somebody; afterwards no script failed, nothing was refused, no request left the origin."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(path: str = "/workflows", email: str = "", **options: object) -> Page:
        context = browser.new_context(base_url=stack.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
        page.on("request", lambda sent: complaints.append(sent.url) if not sent.url.startswith(stack.url) else None)
        page.goto(f"/login?next={path}")
        page.get_by_label("E-mail").fill(email or stack.admin)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
