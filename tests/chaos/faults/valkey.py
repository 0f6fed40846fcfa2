"""Valkey is emptied and away: as live hints it may always be, as the broker it is found empty."""

import redis

from tests.chaos.faults.base import READY_S, Fault


class ValkeyFlushed(Fault):
    """FLUSHALL, a few times."""

    name = "Valkey: FLUSHALL"

    def inject(self) -> None:
        with redis.Redis.from_url(self.world.valkey.url) as client:
            for _ in range(5):
                client.flushall()
                self.for_a_while(0.05, 0.3)


class ValkeyStopped(Fault):
    """Away for a few seconds."""

    name = "Valkey: stopped"

    def inject(self) -> None:
        self.world.valkey.stop()
        self.for_a_while(2, 4)
        self.world.valkey.start()
        self.world.valkey.wait_ready(READY_S)


class ValkeyKilled(Fault):
    """SIGKILL: the last second of what it kept is lost."""

    name = "Valkey: SIGKILL"

    def inject(self) -> None:
        self.world.valkey.kill()
        self.world.valkey.start()
        self.world.valkey.wait_ready(READY_S)
