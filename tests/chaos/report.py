"""The report of a run: a table for people, JSON for everything else."""

import os
import statistics
import time
from collections.abc import Iterator
from typing import Any

import orjson

from tests.chaos.books import CANCEL, CHANGED, COUNTS, KINDS, LOST, OTHER, OUTPUT, TWICE
from tests.chaos.run import Report, Round

COLUMNS = (LOST, OUTPUT, TWICE, CHANGED, COUNTS, CANCEL, OTHER)


def table(report: Report) -> str:
    """Markdown: one row a fault, one for the whole run."""
    head = ["fault", "injected", "accepted", *COLUMNS, "works again p50", "max", "all over p50", "max"]
    lines = [_row(head), _row(["---"] + ["--:"] * (len(head) - 1))]
    lines += [_row(row) for row in _faults(report)]
    total: list[Any] = ["**all**", len(report.rounds), sum(each.accepted for each in report.rounds)]
    total += [sum(finding.what == kind for finding in report.findings) for kind in COLUMNS]
    return "\n".join([*lines, _row([*total, *_times(report.rounds)])])


def summary(report: Report) -> str:
    """What is not in the table, in a few lines; every finding."""
    lines = [f"{report.took_s / 60:.1f} minutes, seed {report.plan.seed}, broker {report.plan.broker}"]
    lines.append(f"the watcher looked {report.notes['looks']} times; answers of the API: {report.notes['answers']}")
    for name, numbers in report.notes["stops"].items():
        times = f", p50 {numbers['p50S']} s, max {numbers['maxS']} s" if numbers["count"] else ""
        lines.append(f"cancels of running steps, {name}: {numbers['count']}{times}")
    lines += [f"{finding.what}: {finding.text} ({finding.execution})" for finding in report.findings[:200]]
    return "\n".join(lines)


def write(report: Report) -> None:
    """`chaos.json` in the folder of the run."""
    plan = report.plan
    found = {
        "at": int(time.time() * 1000),
        "seed": plan.seed,
        "broker": plan.broker,
        "hurried": plan.hurried,
        "cpus": os.cpu_count(),
        "tookS": round(report.took_s, 1),
        "rounds": [
            {"fault": each.fault, "accepted": each.accepted, "worksAgainS": each.probe_s, "allOverS": each.drain_s}
            for each in report.rounds
        ],
        "totals": {kind: sum(finding.what == kind for finding in report.findings) for kind in KINDS},
        "findings": [{"what": each.what, "execution": each.execution, "text": each.text} for each in report.findings],
        "notes": report.notes,
    }
    plan.folder.mkdir(parents=True, exist_ok=True)
    (plan.folder / "chaos.json").write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))


def _faults(report: Report) -> Iterator[list[Any]]:
    for name in dict.fromkeys(each.fault for each in report.rounds):
        places = [place for place, each in enumerate(report.rounds) if each.fault == name]
        rounds = [report.rounds[place] for place in places]
        counts = [sum(report.by_round.get(place, {}).get(kind, 0) for place in places) for kind in COLUMNS]
        yield [name, len(rounds), sum(each.accepted for each in rounds), *counts, *_times(rounds)]


def _times(rounds: list[Round]) -> list[str]:
    found = []
    for values in ([each.probe_s for each in rounds], [each.drain_s for each in rounds]):
        known = [value for value in values if value is not None]
        found += (
            [f"{statistics.median(known):.1f} s", f"{max(known):.1f} s"] if len(known) == len(values) else ["?", "?"]
        )
    return found


def _row(cells: list[Any]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
