"""URLs as calls, and what a redirect takes along."""

import pytest

from shared.domain.errors import NodeError
from shared.net.authorise import with_header, with_query
from shared.net.calls import Call, parse_url, redirected, without_user
from shared.net.statuses import masked
from shared.net.tls import Tls


def get(url: str, **headers: bytes) -> Call:
    return Call("GET", parse_url(url), dict(headers))


def test_a_user_in_the_url_becomes_a_header_that_the_url_no_longer_has() -> None:
    call = without_user(get("http://al%20i:s%40me%20word@example.com/x"))
    assert str(call.url) == "http://example.com/x"
    assert call.headers["authorization"] == b"Basic YWwgaTpzQG1lIHdvcmQ="
    assert "s@me word" in call.secrets


def test_a_user_in_the_url_does_not_replace_a_header() -> None:
    assert without_user(get("http://a:b@example.com/", authorization=b"mine")).headers["authorization"] == b"mine"


def test_a_query_credential_replaces_one_of_its_name_and_leaves_the_rest_as_it_was_written() -> None:
    call = with_query(get("http://example.com/?a=1%202&key=old&b"), "key", "n w&")
    assert call.url.query == b"a=1%202&b&key=n+w%26"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_query_credential_is_not_repeated_after_a_redirect(status: int) -> None:
    following = redirected(with_query(get("http://example.com/a?x=1"), "key", "s3cret"), status, "/b")
    assert following is not None
    assert str(following.url) == "http://example.com/b"


@pytest.mark.parametrize(
    "location",
    [
        "http://other.test/",
        "https://example.com/",
        "http://example.com:8080/",
        "//other.test/",
        "http://example.com.other.test/",
        "http://example.com@other.test/",
    ],
)
def test_another_origin_gets_no_header_and_no_certificate(location: str) -> None:
    call = with_header(get("http://example.com/", accept=b"text/plain", cookie=b"c"), "X-Key", "s3cret")
    following = redirected(Call("GET", call.url, call.headers, tls=Tls("CA", "CERT", "KEY")), 302, location)
    assert following is not None
    assert following.headers == {"accept": b"text/plain"}
    assert following.tls == Tls("CA")
    assert following.url.userinfo == b""


def test_a_step_down_to_http_carries_nothing() -> None:
    following = redirected(
        with_header(get("https://example.com/"), "authorization", "Bearer s3cret"), 307, "http://example.com/"
    )
    assert following is not None
    assert following.headers == {}


@pytest.mark.parametrize(
    "location", ["http://other.test/?k=s3%26cret", "http://other.test/s3&cret", "https://example.com/?key=s3%26cret"]
)
def test_a_redirect_that_takes_the_secret_elsewhere_is_refused(location: str) -> None:
    with pytest.raises(NodeError) as caught:
        redirected(with_query(get("http://example.com/"), "key", "s3&cret"), 302, location)
    assert caught.value.code == "CREDENTIAL_IN_REDIRECT"
    assert "cret" not in caught.value.message.replace("credential", "")


def test_the_same_origin_keeps_its_headers_and_may_repeat_the_secret() -> None:
    call = with_header(with_query(get("http://example.com/"), "key", "s3cret"), "x-key", "other")
    following = redirected(call, 302, "http://EXAMPLE.com:80/?key=s3cret")
    assert following is not None
    assert following.headers == {"x-key": b"other"}


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "gopher://127.0.0.1:6379/_x", "data:text/plain,x", "ftp://example.com/", "javascript:1",
     "http://exa mple.com/", "http://[::1", "http://example.com:0/", "http://example.com:99999/"],
)  # fmt: skip
def test_a_redirect_leads_to_http_or_nowhere(location: str) -> None:
    with pytest.raises(NodeError) as caught:
        redirected(get("http://example.com/"), 302, location)
    assert caught.value.code == "INVALID_URL"


@pytest.mark.parametrize(
    "url",
    [
        "http://user:pass/word@example.com/",
        "http://user:pass#word@exa mple.com/",
        "http://user:word@[::1/",
        "http://user:word@example.com:p0rt/",
    ],
)
def test_an_url_that_is_none_is_not_echoed(url: str) -> None:
    with pytest.raises(NodeError) as caught:
        parse_url(url)
    assert caught.value.code == "INVALID_URL"
    assert not any(part in caught.value.message for part in ("user", "pass", "word", "p0rt"))


def test_secrets_are_masked_as_they_are_and_as_they_are_in_urls() -> None:
    call = with_query(with_header(get("http://example.com/"), "x-key", "abc def/ghi"), "key", "p&q/r")
    told = masked("abc def/ghi p&q/r p%26q%2Fr abc+def%2Fghi ok", call)
    assert told == "••• ••• ••• ••• ok"
    assert masked('{"key": "w\\u00f6rd\\"1"}', with_query(call, "key", 'wörd"1')) == '{"key": "•••"}'


def test_a_call_does_not_show_what_it_carries() -> None:
    call = with_query(with_header(get("http://example.com/"), "x-key", "s3cret"), "key", "s3cret")
    assert "s3cret" not in repr(call)
    assert "KEY" not in repr(Tls("CA", "CERT", "KEY", "KEY"))
