"""Ports for servers that do not listen at once."""

from pathlib import Path
from typing import Self

import pytest

from services.standalone import ports
from services.standalone.ports import free_port, remembered_port


def test_a_port_is_chosen_once_though_its_server_does_not_listen_yet(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The kernel gives a port out again as soon as nobody listens on it."""
    kept = remembered_port(tmp_path / "port")
    fresh = free_port()
    offers = iter([kept, fresh, fresh + 1])

    class Probe:
        """A listening socket on the next port of the kernel's."""

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            """Closed."""

        def getsockname(self) -> tuple[str, int]:
            """As of a socket."""
            return "127.0.0.1", next(offers)

    monkeypatch.setattr(ports.socket, "create_server", lambda _address: Probe())
    assert free_port() == fresh + 1


def test_a_port_that_was_chosen_for_another_server_is_not_taken_from_a_file(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "port").write_text(f"{port}\n")
    assert remembered_port(tmp_path / "port") != port


def test_a_remembered_port_is_taken_again(tmp_path: Path) -> None:
    assert remembered_port(tmp_path / "port") == remembered_port(tmp_path / "port")
