"""The wires to Postgres and to the broker: cut in the middle of a message, silent, slow, gone."""

from typing import ClassVar

from tests.chaos.faults.base import Fault
from tests.chaos.proxy import Proxy


class _OfWire(Fault):
    to: ClassVar[str]

    @property
    def proxy(self) -> Proxy:
        """The wire."""
        return self.world.postgres_proxy if self.to == "postgres" else self.world.broker_proxy


class _Torn(_OfWire):
    """One chunk in twenty is cut in half, and its connection with it."""

    def inject(self) -> None:
        self.proxy.tear(0.05)
        self.for_a_while(1.5, 3)
        self.proxy.heal()


class _Silent(_OfWire):
    """Nothing arrives for longer than a lease; then everything."""

    def inject(self) -> None:
        self.proxy.stall()
        self.past_lease()
        self.proxy.heal()


class _Slow(_OfWire):
    """Every chunk arrives 30 ms later."""

    def inject(self) -> None:
        self.proxy.delay(0.03)
        self.for_a_while(2, 3)
        self.proxy.heal()


class _Partitioned(_OfWire):
    """All connections are cut, and new ones too, for a while."""

    def inject(self) -> None:
        self.proxy.refuse(refuses=True)
        self.proxy.cut()
        self.for_a_while(1.5, 4)
        self.proxy.heal()


class PostgresTorn(_Torn):
    """A commit may have happened although nobody heard of it."""

    name, to = "wire to Postgres: torn", "postgres"


class PostgresStalled(_Silent):
    """Leases run out meanwhile."""

    name, to = "wire to Postgres: silent", "postgres"


class PostgresSlow(_Slow):
    """Every round trip takes 60 ms more."""

    name, to = "wire to Postgres: slow", "postgres"


class PostgresPartitioned(_Partitioned):
    """Nobody reaches Postgres."""

    name, to = "wire to Postgres: cut", "postgres"


class BrokerTorn(_Torn):
    """Messages and confirms are lost on the way."""

    name, to = "wire to the broker: torn", "broker"


class BrokerStalled(_Silent):
    """Publishers and consumers wait."""

    name, to = "wire to the broker: silent", "broker"


class BrokerSlow(_Slow):
    """Every message is late."""

    name, to = "wire to the broker: slow", "broker"


class BrokerPartitioned(_Partitioned):
    """Nobody reaches the broker."""

    name, to = "wire to the broker: cut", "broker"
