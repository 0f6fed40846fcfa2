"""Puts a credential on a request. Pure; the fields of each HTTP credential type say how."""

from dataclasses import replace
from typing import Protocol, runtime_checkable

from shared.net.calls import Call, replaced_query


@runtime_checkable
class Authorises(Protocol):
    """Fields of a credential that requests are sent with."""

    def authorise(self, call: Call) -> Call:
        """The same request with the credential on it, and with its secrets named in `call.secrets`."""


def with_header(call: Call, name: str, value: str, *secrets: str) -> Call:
    """The request with this header in place of one that was there."""
    headers = call.headers | {name.lower(): value.encode()}
    return replace(call, headers=headers, secrets=(*call.secrets, value, *secrets))


def with_query(call: Call, name: str, value: str) -> Call:
    """The request with this query parameter in place of one that was there."""
    query = replaced_query(call.url, name, value)
    return replace(call, url=call.url.copy_with(query=query), secrets=(*call.secrets, value))
