"""Processes are killed, and paused for longer than their leases."""

import psutil

from tests.chaos.faults.base import Fault, await_true
from tests.chaos.processes import Process

LEADER = "SELECT pid FROM workers WHERE kind = 'clockwork' AND busy = 1 ORDER BY beat_at DESC LIMIT 1"


class WorkerKilled(Fault):
    """One worker, in the middle of whatever it does."""

    name = "worker: SIGKILL"

    def inject(self) -> None:
        self.random.choice(self.world.processes.workers).kill()


class WorkersKilled(Fault):
    """All workers at once, and once more as soon as they work again."""

    name = "all workers: SIGKILL, twice"

    def inject(self) -> None:
        for _ in range(2):
            for worker in self.world.processes.workers:
                worker.kill()
            self.between(0.5, 3.0)


class WorkerPaused(Fault):
    """A zombie: its steps are given to others, then it goes on as if nothing had happened."""

    name = "worker: SIGSTOP past its lease"

    def inject(self) -> None:
        worker = self.random.choice(self.world.processes.workers)
        worker.pause()
        self.past_lease()
        worker.resume()


class WorkerPausedForAMinute(Fault):
    """Long enough for RabbitMQ to give it up as well."""

    name = "worker: SIGSTOP for 65 s"
    long = True

    def inject(self) -> None:
        worker = self.random.choice(self.world.processes.workers)
        worker.pause()
        self.between(65, 66)
        worker.resume()


class WorkersPausedInTurn(Fault):
    """First the one, then the other: a step may be lost to both."""

    name = "all workers: SIGSTOP in turn"

    def inject(self) -> None:
        for worker in self.world.processes.workers:
            worker.pause()
            self.past_lease()
            worker.resume()


class _OfClockwork(Fault):
    def leader(self) -> Process:
        """The clockwork that works; any if none says so."""
        with self.world.connect() as connection:
            row = connection.execute(LEADER).fetchone()
        clockworks = self.world.processes.clockworks
        return next((each for each in clockworks if row and each.pid == row[0]), clockworks[0])


class ClockworkKilled(_OfClockwork):
    """The leader."""

    name = "clockwork: SIGKILL of the leader"

    def inject(self) -> None:
        self.leader().kill()


class ClockworksKilled(Fault):
    """All of them."""

    name = "all clockworks: SIGKILL"

    def inject(self) -> None:
        for each in self.world.processes.clockworks:
            each.kill()


class ClockworkPaused(_OfClockwork):
    """The leader hangs, lock in hand; later there are two for a moment."""

    name = "clockwork: SIGSTOP of the leader"

    def inject(self) -> None:
        leader = self.leader()
        leader.pause()
        self.between(6, 8)
        leader.resume()


class ApiKilled(Fault):
    """The web server with all its processes."""

    name = "API: SIGKILL"

    def inject(self) -> None:
        self.world.processes.api.kill()


class ApiWorkerKilled(Fault):
    """One of the web server's processes; the master lives and makes another one."""

    name = "API: SIGKILL of one process"

    def inject(self) -> None:
        children = psutil.Process(self.world.processes.api.pid).children()
        if children:
            self.random.choice(children).kill()


class ApiPaused(Fault):
    """Requests hang, and go on."""

    name = "API: SIGSTOP"

    def inject(self) -> None:
        self.world.processes.api.pause()
        self.for_a_while(2, 4)
        self.world.processes.api.resume()


class EverythingKilled(Fault):
    """All of our processes at the same moment, as when the machine loses its power; the servers stay."""

    name = "all processes: SIGKILL"

    def inject(self) -> None:
        for process in self.world.processes.all:
            process.kill()
        await_true(lambda: all(process.runs() for process in self.world.processes.all), 5)
