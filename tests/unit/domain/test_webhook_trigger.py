"""What an author may write of a webhook, and what is said of the rest."""

from typing import Any

import pytest

from shared.domain.compiler import compile_definition
from shared.domain.errors import InvalidDefinition
from shared.domain.http_headers import refused_header
from shared.nodes.catalogue import node_types
from tests.factories import chain

CRED = "cred-00000000000000000000000001"


def read(*triggers: dict[str, Any]) -> list[dict[str, Any]]:
    listed = [{"id": f"t{place}", "type": "webhook", **each} for place, each in enumerate(triggers)]
    return [each.config for each in compile_definition(chain(1) | {"triggers": listed}, node_types()).triggers]


def problems(*triggers: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidDefinition) as caught:
        read(*triggers)
    return {each.path.removeprefix("triggers"): each.message for each in caught.value.problems}


def test_the_defaults() -> None:
    assert read({}) == [
        {
            "path": None,
            "methods": ["POST"],
            "authentication": {"type": "none"},
            "maxBytes": 1_000_000,
            "respond": "accepted",
            "waitMs": 30_000,
            "response": None,
            "rate": None,
            "deliveryHeader": None,
        }
    ]


def test_everything() -> None:
    (found,) = read(
        {
            "path": "orders/v1.2/paid_~",
            "methods": ["PUT", "GET", "PUT"],
            "authentication": {"type": "hmac", "credential": CRED, "timestampHeader": "X-At", "toleranceMs": 1_000},
            "maxBytes": 16_000_000,
            "response": {"status": 200, "body": [1], "headers": {"X-A": "b"}},
            "rate": {"max": 5, "perMs": 1_000},
            "deliveryHeader": "X-Id",
        }
    )
    assert (found["methods"], found["response"]) == (
        ["GET", "PUT"],
        {"status": 200, "body": [1], "headers": {"X-A": "b"}},
    )
    assert found["authentication"] == {
        "type": "hmac", "credential": CRED, "preset": None, "header": "X-Webhook-Signature", "algorithm": "sha256",
        "encoding": "hex", "prefix": "", "timestampHeader": "X-At", "toleranceMs": 1_000,
    }  # fmt: skip
    assert read({"respond": "workflow", "waitMs": 60_000})[0]["waitMs"] == 60_000


@pytest.mark.parametrize(
    "path",
    ["/a", "a/", "a//b", ".", "..", "a/../b", "a b", "ä", "a%2fb", "~a", "a?b", "callback", "callback/x", "a" * 201],
)
def test_odd_paths(path: str) -> None:
    assert list(problems({"path": path})) == ["[0].path"]


@pytest.mark.parametrize(
    ("config", "where", "said"),
    [
        ({"methods": []}, "methods", "`POST`"),
        ({"methods": ["HEAD"]}, "methods", "`POST`"),
        ({"maxBytes": 16_000_001}, "maxBytes", "16,000,000"),
        ({"waitMs": 5_000}, "waitMs", "respond"),
        ({"respond": "workflow", "waitMs": 60_001}, "waitMs", "60,000"),
        ({"respond": "later"}, "respond", "`workflow`"),
        ({"respond": "workflow", "response": {}}, "response", "webhook.respond"),
        ({"response": {"status": 302}}, "response.status", "299"),
        ({"response": {"headers": {"Set-Cookie": "a"}}}, "response.headers.Set-Cookie", "leave it out"),
        ({"response": {"headers": {"A": 1}}}, "response.headers.A", "text"),
        ({"rate": {"max": 5}}, "rate.perMs", "milliseconds"),
        ({"deliveryHeader": "a b"}, "deliveryHeader", "header"),
        ({"authentication": {"type": "secret"}}, "authentication.credential", "http.header"),
        ({"authentication": {"type": "basic", "credential": "x"}}, "authentication.credential", "http.basic"),
        ({"authentication": {"type": "none", "credential": CRED}}, "authentication.credential", "no field"),
        ({"authentication": {"type": "token"}}, "authentication.type", "`hmac`"),
        (
            {"authentication": {"type": "hmac", "credential": CRED, "preset": "gitlab"}},
            "authentication.preset",
            "`slack`",
        ),
        (
            {"authentication": {"type": "hmac", "credential": CRED, "preset": "github", "prefix": "x"}},
            "authentication.prefix",
            "leave it out",
        ),
        (
            {"authentication": {"type": "hmac", "credential": CRED, "prefix": "sha256=\r"}},
            "authentication.prefix",
            "printable ASCII on one line",
        ),
        (
            {"authentication": {"type": "hmac", "credential": CRED, "toleranceMs": 5_000}},
            "authentication.toleranceMs",
            "timestampHeader",
        ),
        (
            {"authentication": {"type": "hmac", "credential": CRED, "algorithm": "md5"}},
            "authentication.algorithm",
            "sha512",
        ),
        ({"secret": "x"}, "secret", "no field"),
    ],
)
def test_each_problem_has_its_place_and_says_what_to_do(config: dict[str, Any], where: str, said: str) -> None:
    found = problems(config)
    assert list(found) == [f"[0].{where}"]
    assert said in found[f"[0].{where}"]


def test_two_triggers_cannot_have_one_path() -> None:
    assert list(problems({"path": "a"}, {}, {"path": "a"}, {})) == ["[2].path"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Set-Cookie", "a=b"),
        ("content-security-policy", "default-src *"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "3"),
        ("Proxy-Authenticate", "Basic"),
        ("Service-Worker-Allowed", "/"),
        ("X-A", "a\r\nSet-Cookie: b"),
        ("X-A", "a\x00"),
        ("X-A", "€"),
        ("X-A", "a" * 4_001),
        ("X A", "a"),
        ("X-A:", "a"),
        ("", "a"),
        ("Content-Type", "text/javascript"),
        ("Content-Type", "application/ecmascript; charset=utf-8"),
        ("content-type", "Text/CSS"),
    ],
)
def test_headers_that_nobody_may_set(name: str, value: str) -> None:
    assert refused_header(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Type", "application/json"),
        ("Location", "https://example.com/"),
        ("X-A", ""),
        ("Cache-Control", "max-age=5"),
    ],
)
def test_harmless_headers(name: str, value: str) -> None:
    assert refused_header(name, value) is None
