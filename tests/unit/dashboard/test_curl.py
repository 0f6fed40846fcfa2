"""The line that calls a webhook; that it works is tested with a shell (tests/e2e/test_dashboard_triggers.py)."""

from typing import Any

import pytest

from services.dashboard.curl import curl_line, variables

URL = "https://flowversal.example/hooks/orders/paid"
OPEN = {"type": "none"}


@pytest.mark.parametrize(
    ("methods", "line"),
    [
        (
            ["PUT", "POST"],
            f"curl -X POST {URL} -H 'Content-Type: application/json' --data-raw '{{\"hello\": \"world\"}}'",
        ),
        (["PATCH"], f"curl -X PATCH {URL} -H 'Content-Type: application/json' --data-raw '{{\"hello\": \"world\"}}'"),
        (["GET", "DELETE"], f"curl -X GET {URL}"),
    ],
)
def test_it_calls_as_the_webhook_is_to_be_called(methods: list[str], line: str) -> None:
    assert curl_line(URL, methods, OPEN, None) == line


@pytest.mark.parametrize(
    ("header", "type", "sent", "first"),
    [
        ("X-Key", "hmac", '-H "X-Key: $SECRET"', "SECRET"),
        ("X-`id`$A", "hmac", r'-H "X-\`id\`\$A: $SECRET"', "SECRET"),
        ("X-!id", "hmac", """-H "X-"'!'"id: $SECRET\"""", "SECRET"),
        (None, "hmac", '-H "X-Webhook-Secret: $SECRET"', "SECRET"),
        (None, None, '-H "X-Webhook-Secret: $SECRET"', "SECRET"),
        (None, "http.header", '-H "$HEADER: $SECRET"', "HEADER and SECRET"),
    ],
)
def test_what_is_secret_is_a_variable(header: str | None, type: str | None, sent: str, first: str) -> None:
    way: dict[str, Any] = {"type": "secret", "header": header}
    assert curl_line(URL, ["GET"], way, type) == f"curl -X GET {URL} {sent}"
    assert variables(way, type).startswith(f"Set {first} to ")
    assert variables(OPEN, None) == ""
