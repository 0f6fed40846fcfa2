"""`make bench`: measures what docs/performance.md wants, each load on fresh databases of the same servers."""

import argparse
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace

from tests.bench.accepting import Accepting
from tests.bench.backlog import Backlog
from tests.bench.chains import ManyChains, OneChain
from tests.bench.fan_out import FanOut
from tests.bench.figures import Load, Measured, table, write
from tests.bench.log_lines import LogLines
from tests.bench.overload import Overload
from tests.bench.servers import Urls, fresh, servers
from tests.bench.starting import Starting

LOADS: tuple[type[Load], ...] = (ManyChains, OneChain, Starting, Accepting, Overload, Backlog, FanOut, LogLines)


def measure(load: Load, urls: Urls) -> list[Measured]:
    """All rounds of a load."""
    rounds = []
    for number in range(1, load.rounds + 1):
        began = time.monotonic()
        with fresh(urls) as own:
            rounds.append(load.measure(own))
        figures = "  ".join(f"{name} {value:,.2f}" for name, value in rounds[-1].figures.items())
        say(f"     round {number} of {load.rounds}, {time.monotonic() - began:.0f} s:  {figures}")
    return rounds


def run(loads: Sequence[Load], urls: Urls) -> bool:
    """Measure, print, write; whether every load could be measured. One that cannot does not stop the others."""
    tables = []
    for load in loads:
        say(f"{load.id:<4} {load.about}; about {load.rounds * load.round_s:.0f} s")
        try:
            rounds = measure(load, urls)
        except Exception:
            traceback.print_exc()
            tables.append(f"{load.id} could not be measured, see above")
            continue
        tables.append(table(load, rounds))
        write(load, rounds)
    say("\n" + "\n".join(tables))
    return len(tables) == sum("could not be measured" not in each for each in tables)


def say(text: str) -> None:
    """A line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def chosen(arguments: argparse.Namespace) -> list[Load]:
    """The loads that are asked for, as large as they are asked for."""
    wanted = set(filter(None, arguments.only.upper().split(",")))
    unknown = wanted - {kind.id for kind in LOADS}
    if unknown:
        raise SystemExit(f"There is no {', '.join(sorted(unknown))}: choose of {', '.join(kind.id for kind in LOADS)}.")
    sizes: dict[str, dict[str, int]] = {
        Overload.id: {"queued": arguments.queued},
        Backlog.id: {"steps": arguments.backlog},
    }
    found: list[Load] = []
    for kind in LOADS:
        load = kind()
        given = sizes.get(kind.id, {}) | {"rounds": arguments.rounds}
        if not wanted or kind.id in wanted:
            found.append(replace(load, **{name: value for name, value in given.items() if value is not None}))
    return found


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    made.add_argument("--only", default="", help="some of them: P3,P9")
    made.add_argument("--rounds", type=int, help="rounds of each, instead of its own number")
    made.add_argument("--queued", type=int, help="P7: executions accepted at once, 20,000 unless set")
    made.add_argument("--backlog", type=int, help="P8: queued steps, 100,000 unless set")
    return made


def main() -> None:
    """Measure what is asked for."""
    loads = chosen(parser().parse_args())
    began = time.monotonic()
    say(f"{len(loads)} loads, about {1 + sum(load.rounds * load.round_s for load in loads) / 60:.0f} minutes")
    with servers() as urls:
        measured = run(loads, urls)
    say(f"\nEverything in build/bench/; it took {(time.monotonic() - began) / 60:.1f} minutes.")
    sys.exit(0 if measured else 1)


if __name__ == "__main__":
    main()
