"""Signatures: compared in constant time, all of them, and never a crash for what strangers send."""

import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import signatures
from shared.domain.signatures import is_signed

OWN = {
    "preset": None, "header": "X-Sign", "algorithm": "sha256", "encoding": "hex", "prefix": "", "timestampHeader": None,
    "toleranceMs": 300_000,
}  # fmt: skip
CONFIGS: list[dict[str, Any]] = [
    OWN,
    OWN | {"timestampHeader": "X-At", "encoding": "base64"},
    *({"preset": name, "toleranceMs": 300_000} for name in ("github", "stripe", "slack", "standard-webhooks")),
]
NAMES = (
    "x-sign", "x-at", "x-hub-signature-256", "stripe-signature", "x-slack-signature", "x-slack-request-timestamp",
    "webhook-id", "webhook-timestamp", "webhook-signature",
)  # fmt: skip
SENT = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["sha256=", "v0=00", "v1,AAAA", "t=1,v1=00", "t,v1", "1700000000", "٣", "=" * 9]),
)


@given(st.sampled_from(CONFIGS), st.dictionaries(st.sampled_from(NAMES), SENT), st.binary(max_size=20))
def test_whatever_is_sent_is_refused_without_a_crash(
    config: dict[str, Any], headers: dict[str, str], body: bytes
) -> None:
    assert is_signed(config, headers, body, "secret", 1_700_000_000) is False


def test_every_signature_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bool] = []
    compare = hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append(compare(one, other))
        return compared[-1]

    monkeypatch.setattr(signatures.hmac, "compare_digest", watched)
    right = hmac.digest(b"secret", b"1700000000.x", "sha256").hex()
    headers = {"stripe-signature": f"t=1700000000,v1={right},v1={'0' * 64}"}
    assert is_signed({"preset": "stripe", "toleranceMs": 1_000}, headers, b"x", "secret", 1_700_000_000)
    assert compared == [True, False]


@pytest.mark.parametrize(
    ("timestamp", "now_s", "fresh"),
    [
        ("1700000000", 1_700_000_300, True),
        ("1700000000", 1_700_000_301, False),
        ("1700000000", 1_699_999_699, False),
        ("1700000000000", 1_700_000_000, True),
        ("-1700000000", 1_700_000_000, False),
        ("1700000000.0", 1_700_000_000, False),
        ("17000000000000", 1_700_000_000, False),
        ("", 1_700_000_000, False),
    ],
)
def test_a_signature_is_as_old_as_it_says(timestamp: str, now_s: float, *, fresh: bool) -> None:
    signature = hmac.digest(b"secret", f"{timestamp}.x".encode(), "sha256").hex()
    config = OWN | {"timestampHeader": "X-At"}
    assert is_signed(config, {"x-sign": signature, "x-at": timestamp}, b"x", "secret", now_s) is fresh
