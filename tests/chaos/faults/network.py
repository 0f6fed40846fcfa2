"""The wires to Postgres and to the broker: cut in the middle of a message, silent, slow, gone."""

from typing import ClassVar

from tests.chaos.faults.base import Fault
from tests.chaos.proxy import Proxy


class _OfWire(Fault):
    how: ClassVar[str]
    to: ClassVar[str]

    @property
    def proxy(self) -> Proxy:
        """The wire."""
        return self.world.postgres_proxy if self.to == "Postgres" else self.world.broker_proxy


class _Torn(_OfWire):
    """One chunk in twenty is cut in half, and its connection with it: a commit, or a confirm, of which nobody hears."""

    how = "torn"

    def inject(self) -> None:
        self.proxy.tear(0.05)
        self.for_a_while(1.5, 3)
        self.proxy.heal()


class _Silent(_OfWire):
    """Nothing arrives for longer than a lease; then everything."""

    how = "silent"

    def inject(self) -> None:
        self.proxy.stall()
        self.past_lease()
        self.proxy.heal()


class _Slow(_OfWire):
    """Every chunk arrives 30 ms later: every round trip takes 60 ms more, every message is late."""

    how = "slow"

    def inject(self) -> None:
        self.proxy.delay(0.03)
        self.for_a_while(2, 3)
        self.proxy.heal()


class _Partitioned(_OfWire):
    """All connections are cut, and new ones too, for a while: nobody reaches the server."""

    how = "cut"

    def inject(self) -> None:
        self.proxy.refuse(refuses=True)
        self.proxy.cut()
        self.for_a_while(1.5, 4)
        self.proxy.heal()


def _on(to: str, kind: type[_OfWire]) -> type[_OfWire]:
    """What the wire to a server does, as a fault of its own."""
    more = {"name": f"wire to {to}: {kind.how}", "to": to, "__doc__": kind.__doc__, "__module__": __name__}
    return type(f"{to.rpartition(' ')[2].title()}{kind.__name__}", (kind,), more)


_KINDS = (_Torn, _Silent, _Slow, _Partitioned)
PostgresTorn, PostgresSilent, PostgresSlow, PostgresPartitioned = (_on("Postgres", kind) for kind in _KINDS)
BrokerTorn, BrokerSilent, BrokerSlow, BrokerPartitioned = (_on("the broker", kind) for kind in _KINDS)
