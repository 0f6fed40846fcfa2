"""`make chaos`: break everything that can break, in a random order, and account for every execution."""

import argparse
import sys
import time
from pathlib import Path
from random import Random

from tests.chaos import report
from tests.chaos.faults import all_faults
from tests.chaos.faults.base import Fault
from tests.chaos.run import Plan, run


def chosen(names: str, broker: str, *, hurried: bool) -> list[type[Fault]]:
    """The faults that make sense; of these, those whose name contains one of the comma-separated words."""
    words = [word.strip().lower() for word in names.split(",") if word.strip()]
    found = [each for each in all_faults() if broker in each.brokers and not (hurried and each.long)]
    return [each for each in found if not words or any(word in each.name.lower() for word in words)]


def parsed() -> Plan:
    """The plan that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--executions", type=int, default=2400)
    parser.add_argument("--faults", default="", help="words, separated by commas; every fault whose name has one")
    parser.add_argument("--times", type=int, default=2, help="how often each fault is injected")
    parser.add_argument("--minutes", type=float, default=20.0, help="begin no new round after so many")
    parser.add_argument("--drain", type=float, default=180.0, help="seconds until what is not over counts as lost")
    parser.add_argument("--graphs", type=int, default=100, help="random graphs, and as many random nests of scopes")
    parser.add_argument("--broker", choices=["rabbitmq", "redis"], default="rabbitmq")
    parser.add_argument("--hurried", action="store_true", help="leases of 2 s instead of the product's 15 s")
    parser.add_argument("--folder", type=Path, default=Path("build/chaos"))
    given = parser.parse_args()
    faults = chosen(given.faults, given.broker, hurried=given.hurried)
    if not faults:
        parser.error("no fault has such a name")
    random = Random(given.seed)
    # Every fault once before any comes again: whatever there is time for.
    order = [fault for _ in range(given.times) for fault in random.sample(faults, len(faults))]
    folder = given.folder / f"{given.broker}-{given.seed}"
    return Plan(
        seed=given.seed,
        executions=given.executions,
        faults=order,
        graphs=given.graphs,
        hurried=given.hurried,
        broker=given.broker,
        minutes=given.minutes,
        drain_s=given.drain,
        folder=folder,
    )


def main() -> int:
    """0 if everything is as it should be, else 1."""
    plan = parsed()
    print(f"seed {plan.seed}: {len(plan.faults)} faults, {plan.executions} executions; {plan.folder}", flush=True)
    found = run(plan, lambda line: print(line, flush=True))
    report.write(found)
    print(report.table(found))
    print(report.summary(found))
    return 1 if found.findings else 0


if __name__ == "__main__":
    sys.exit(main())
