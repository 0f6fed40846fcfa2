"""Signatures of webhooks, against the example of the specification."""

import pytest

from shared.domain.signatures import signing_key
from shared.net.signature import signed_headers

# From the Standard Webhooks reference libraries' tests.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SIGNATURE = b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_known_example_is_signed_as_everybody_does() -> None:
    headers = signed_headers(SECRET, ID, 1614265330, b'{"test": 2432232314}')
    assert headers == {"webhook-id": ID.encode(), "webhook-timestamp": b"1614265330", "webhook-signature": SIGNATURE}


def test_without_a_secret_there_is_no_signature() -> None:
    assert signed_headers(None, "id", 1, b"") == {"webhook-id": b"id", "webhook-timestamp": b"1"}


def test_a_secret_is_its_text_unless_it_says_base64() -> None:
    assert signing_key("plain") == b"plain"
    assert signing_key("whsec_cGxhaW4=") == b"plain"
    with pytest.raises(ValueError, match="not base64"):
        signing_key("whsec_plain!")
