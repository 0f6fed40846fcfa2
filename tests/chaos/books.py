"""What must be true at the end: every promise that the API made, against the rows, the witness and the outside world."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from shared import ids
from shared.domain.states import EXECUTION, STEP, TERMINAL_EXECUTION
from shared.queries import executions
from shared.queries.shapes import Viewer
from shared.queries.stats import counted, overview, recount
from tests.chaos import questions, told, witness
from tests.chaos.effects import Effects
from tests.chaos.kinds import AGAIN, DOWN, DRAWN, LIMITED, SLOTS, tokens_of
from tests.chaos.records import Accepted


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be. `execution` is None where no single one is to blame."""

    what: str
    execution: UUID | None
    text: str


LOST, OUTPUT, TWICE, CHANGED, COUNTS, CANCEL, OTHER = (
    "lost",
    "wrong ends",
    "completed twice",
    "changed ends",
    "wrong statistics",
    "cancels",
    "other",
)
KINDS = (LOST, OUTPUT, TWICE, CHANGED, COUNTS, CANCEL, OTHER)


def audit(
    connection: psycopg.Connection[Any], accepted: Sequence[Accepted], effects: Effects, workflows: dict[str, UUID]
) -> list[Finding]:
    """Everything that can be said at the end. `workflows`: by the names of their kinds."""
    rows = dict(connection.execute(questions.STATES).fetchall())
    found = [*_promises(accepted, rows), *_ends(connection, accepted, rows)]
    for what, query in (
        (TWICE, witness.COMPLETED_TWICE),
        (CHANGED, witness.TERMINAL_LEFT),
        (CANCEL, witness.STARTED_AFTER_STOP),
        (OTHER, witness.CLAIMED_WRONGLY),
        (COUNTS, questions.WRONG_COUNTERS),
        (OTHER, questions.LEFT_OPEN),
        (OTHER, questions.ATTEMPTS),
        (TWICE, questions.CHILDREN),
        (COUNTS, questions.USE_OF_CHILDREN),
    ):
        found += [Finding(what, *row) for row in connection.execute(query)]
    found += [Finding(OTHER, *row) for row in connection.execute(witness.UNKNOWN_TRANSITION, _transitions())]
    found += [Finding(OTHER, *row) for row in connection.execute(questions.FOLLOWED, {"workflow": workflows[DOWN]})]
    found += [
        Finding(OTHER, *row)
        for row in connection.execute(questions.TOO_MANY, {"workflow": workflows[LIMITED], "slots": SLOTS})
    ]
    found += [
        Finding(TWICE, None, f"request {row[1]} made {row[2]} executions")
        for row in connection.execute(questions.NUMBERS)
    ]
    found += [Finding(TWICE, *row) for row in told.twice(connection, accepted, workflows[AGAIN])]
    found += [Finding(OUTPUT, *row) for row in told.wrong(connection, accepted)]
    return [*found, *_attempts(connection), *_effects(connection, effects), *_statistics(connection)]


def _promises(accepted: Sequence[Accepted], rows: dict[UUID, str]) -> Iterator[Finding]:
    """Whatever was accepted is there and over; whatever was canceled is canceled."""
    for each in accepted:
        state = rows.get(each.id, "missing")
        if state not in TERMINAL_EXECUTION:
            yield Finding(LOST, each.id, f"{each.kind.name} {each.number} is {state}")
        elif each.cancel in (200, 202) and state != "canceled":
            yield Finding(CANCEL, each.id, f"{each.kind.name} {each.number} is {state} after a {each.cancel}")
        elif each.cancel == 409 and state == "canceled":
            yield Finding(CANCEL, each.id, f"{each.kind.name} {each.number} is canceled after a 409")


def _ends(
    connection: psycopg.Connection[Any], accepted: Sequence[Accepted], rows: dict[UUID, str]
) -> Iterator[Finding]:
    """Status, output, the outputs of all steps and the error are those that a sequential program would give."""
    for each in accepted:
        expected, state = each.kind.expected(each.number), rows.get(each.id, "missing")
        if each.kind.canceled or state not in TERMINAL_EXECUTION:
            continue
        name = f"{each.kind.name} {each.number}"
        if state != expected.status:
            yield Finding(OUTPUT, each.id, f"{name} is {state}, not {expected.status}")
            continue
        row = executions.row(connection, each.id, Viewer(each.id, everything=True))
        assert row is not None
        record = executions.detail(connection, row)
        if expected.output is not DRAWN and record.get("output") != expected.output:
            yield Finding(OUTPUT, each.id, f"{name} gave {record.get('output')}, not {expected.output}")
        if expected.code and record["error"]["code"] != expected.code:
            yield Finding(OUTPUT, each.id, f"{name} has the error {record['error']}, not {expected.code}")
        left = {(row[0], row[1]): row[2] for row in connection.execute(questions.OUTPUTS, (each.id,))}
        for key, output in expected.outputs.items():
            if output is not None and left.get(key) != output:
                yield Finding(OUTPUT, each.id, f"{name}, step {key} gave {left.get(key)}, not {output}")


def _attempts(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """The result of a step is that of its last attempt, never that of one that was given up."""
    for id, node, item, attempt, output in connection.execute(questions.DRAWN_TOKENS):
        key = f"{ids.encode(ids.EXECUTION, id)}:{node}:{item}"
        if output["tokens"] != tokens_of(key, attempt):
            yield Finding(TWICE, id, f"{node}: the result is not that of attempt {attempt}")


def _effects(connection: psycopg.Connection[Any], effects: Effects) -> Iterator[Finding]:
    """Every step that succeeded was heard of outside; nothing was called more often than it was attempted."""
    nodes = ["first", "second", "third", "flaky", "down", "call", "again"]
    calls, known = effects.calls, set()
    for id, node, item, attempt, state in connection.execute(questions.CALLING, (nodes,)):
        key = f"{ids.encode(ids.EXECUTION, id)}:{node}:{item}"
        known.add(key)
        if state == "success" and calls[key] == 0:
            yield Finding(OTHER, id, f"{node} succeeded, but nobody was called")
        if calls[key] > attempt:
            yield Finding(OTHER, id, f"{node}: {calls[key]} calls in {attempt} attempts")
    for key in calls.keys() - known:
        yield Finding(OTHER, None, f"a call of a step that never began: {key}")


def _statistics(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Totals, hours and histograms all tell of the same executions."""
    yield from differences(connection)
    row = connection.execute(questions.STATISTICS).fetchone()
    assert row is not None
    unfolded, totals, hours, waits, ended, started = (int(value) for value in row)
    if (unfolded, totals, hours, waits) != (0, ended, ended, started):
        text = f"{unfolded} unfolded, {totals} in totals, {hours} in hours, {waits} waits; {ended} ended, {started} started"
        yield Finding(COUNTS, None, text)
    shown = overview(connection)
    if (shown["totalExecutions"], shown["running"]) != (ended, 0):
        yield Finding(COUNTS, None, f"the overview says {shown}")


def differences(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Where the statistics and a recount differ; of one moment if the caller's transaction has one snapshot."""
    says, is_so = counted(connection), recount(connection)
    for key in says.keys() | is_so.keys():
        if says.get(key) != is_so.get(key):
            yield Finding(COUNTS, None, f"statistics {says.get(key)}, recount {is_so.get(key)}")


def _transitions() -> dict[str, list[Any]]:
    """Every pair of states that a chain of transitions connects: a transaction may make several."""
    pairs = [(True, *pair) for pair in _closure({(a.value, b.value) for (a, _), b in EXECUTION.items()})]
    pairs += [(False, *pair) for pair in _closure({(a.value, b.value) for (a, _), b in STEP.items()})]
    kinds, before, after = zip(*pairs, strict=True)
    return {"executions": list(kinds), "before": list(before), "after": list(after)}


def _closure(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    while more := {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs:
        pairs = pairs | more
    return pairs


def by_round(findings: Sequence[Finding], accepted: Sequence[Accepted]) -> dict[int | None, Counter[str]]:
    """Findings of each kind by round; None where no round is known."""
    rounds = {each.id: each.round for each in accepted}
    found: dict[int | None, Counter[str]] = {}
    for finding in findings:
        place = None if finding.execution is None else rounds.get(finding.execution)
        found.setdefault(place, Counter())[finding.what] += 1
    return found
