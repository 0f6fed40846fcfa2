"""Several faults, one while the other is still going on."""

from collections.abc import Callable

from tests.chaos.faults.base import Fault


class Storm(Fault):
    """Kills of workers, clockworks and the API while the wire to Postgres is torn and messages are lost."""

    name = "several at once"

    def inject(self) -> None:
        world, random = self.world, self.random
        processes = world.processes
        ends: list[Callable[[], None]] = [world.postgres_proxy.heal, world.broker_proxy.heal]
        world.postgres_proxy.tear(0.02)
        world.broker_proxy.tear(0.02)
        try:
            self.for_a_while(0.3, 1.0)
            random.choice(processes.workers).kill()
            self.for_a_while(0.3, 1.0)
            random.choice(processes.clockworks).kill()
            processes.api.kill()
            self.for_a_while(0.3, 1.0)
            world.postgres.kill()
            world.broker_proxy.cut()
            world.postgres.start()
            world.postgres.wait_ready(90)
        finally:
            for end in ends:
                end()
