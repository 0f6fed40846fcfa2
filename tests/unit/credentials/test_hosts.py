"""A credential goes to the hosts it was made for and to no other."""

import pytest

from shared.credentials.base import Credential
from shared.nodes.base import NodeError


@pytest.mark.parametrize("host", ["api.example.com", "API.example.com", "api.example.com.", "a.b.corp.test"])
def test_it_may_be_sent_to_its_hosts(host: str) -> None:
    Credential("cred-1", "odd", None, ("api.example.com", "*.corp.test")).check_host(host)


@pytest.mark.parametrize("host", ["example.com", "evil-api.example.com.evil.test", "corp.test", "xcorp.test", ""])
def test_it_is_never_sent_to_another(host: str) -> None:
    with pytest.raises(NodeError) as caught:
        Credential("cred-1", "odd", "s3cret", ("api.example.com", "*.corp.test")).check_host(host)
    assert caught.value.code == "HOST_NOT_ALLOWED"
    assert "s3cret" not in caught.value.message


def test_one_without_hosts_may_be_sent_anywhere() -> None:
    Credential("cred-1", "odd", None).check_host("anything.test")
