"""What a connection trusts is decided in one place, for every protocol."""

import ssl
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.credentials.catalogue import credential_types
from shared.net.certificates import CaCertificate, tls_context
from shared.net.tls import Tls
from shared.nodes.http.parameters import HttpRequestParams
from tests.integration.nodes.certificates import self_signed


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Python does from 3.13 on."""
    usual = ssl.create_default_context

    def make(*given: Any, **named: Any) -> ssl.SSLContext:
        context = usual(*given, **named)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", make)


@pytest.mark.usefixtures("strict")
def test_a_private_authority_is_as_good_for_http_as_for_mail_and_databases() -> None:
    _, pem = self_signed("localhost")
    key, shown = self_signed("client")
    assert ssl.create_default_context().verify_flags & ssl.VERIFY_X509_STRICT
    for context in (tls_context(pem), tls_context(), Tls(pem).context(), Tls(pem, shown, key).context()):
        assert not context.verify_flags & ssl.VERIFY_X509_STRICT
        assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)


def test_certificates_are_read_when_they_are_given() -> None:
    _, pem = self_signed("localhost")
    field = TypeAdapter(CaCertificate)
    assert field.validate_python(f"{pem}{pem}") == f"{pem}{pem}"
    assert field.validate_python(" \n") is None
    for wrong in ("nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "x" * 200_001):
        with pytest.raises(ValidationError):
            field.validate_python(wrong)


def test_every_field_for_them_has_the_same_rules() -> None:
    fields = {
        "http.request": HttpRequestParams,
        **{name: found.fields for name, found in credential_types().items()},
    }
    schemas = {
        name: model.model_json_schema()["properties"]["caCertificate"]
        for name, model in fields.items()
        if "ca_certificate" in model.model_fields
    }
    assert schemas.keys() >= {"http.request", "smtp", "postgres", "mysql"}
    assert len({str(schema) for schema in schemas.values()}) == 1
