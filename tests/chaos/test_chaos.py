"""Every kind of fault, in a short run: nothing is lost, nothing is done twice, every number is exact. `make chaos` is the long one."""

from pathlib import Path

import pytest

from services.standalone.servers.rabbitmq import find_programs
from tests.chaos import report
from tests.chaos.faults import all_faults
from tests.chaos.faults.base import Fault
from tests.chaos.run import Plan, run

SEED = 20_240_229
MINUTES = 2.0
"""After so many no new round begins: a busy machine gets through fewer faults, not through the time limit."""


def by_turns(broker: str) -> list[type[Fault]]:
    """Every fault, those of one server far from each other, so that whatever there is time for is of every kind."""
    files: dict[str, list[type[Fault]]] = {}
    for fault in all_faults():
        if broker in fault.brokers and not fault.long:
            files.setdefault(fault.__module__, []).append(fault)
    most = max(len(faults) for faults in files.values())
    return [faults[place] for place in range(most) for faults in files.values() if place < len(faults)]


@pytest.mark.timeout(600)
def test_whatever_breaks_nothing_is_lost_and_nothing_done_twice(tmp_path: Path) -> None:
    broker = "rabbitmq" if find_programs() else "redis"
    faults = by_turns(broker)
    plan = Plan(
        seed=SEED,
        executions=8 * len(faults),
        faults=faults,
        graphs=20,
        hurried=True,
        broker=broker,
        minutes=MINUTES,
        folder=tmp_path,
        calm=False,
    )
    found = run(plan, print)
    print(report.table(found))
    print(report.summary(found))
    assert found.findings == []
    assert len({each.fault for each in found.rounds}) > 10


def test_every_fault_has_a_name_and_a_broker() -> None:
    names = [fault.name for fault in all_faults()]
    assert len(set(names)) == len(names) > 30
    assert all(fault.brokers for fault in all_faults())
