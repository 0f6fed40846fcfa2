"""Claims: steps that become `running` under a fresh fence and a lease, many in one statement and one round trip."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from shared.db import hot
from shared.db.hot import Week, json_rows, key_rows, uuid_array
from shared.db.wire import Answer
from shared.domain.errors import FlowversalError
from shared.domain.outcome import Key
from shared.domain.payload import parse_ref
from shared.domain.plan import Plan
from shared.engine import reads
from shared.engine.known import Alone, Known, know
from shared.engine.plans import plan_of
from shared.engine.requests import Claim, Claimed, NotClaimed, Value
from shared.log import get_logger

RESULTS_BYTES = 1_000_000
"""Larger results of a scope do not come with its claim: those of a batch travel together."""
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claiming:
    """Claims on their way: the statements are in the wire, the answers come with the round trip."""

    known: dict[UUID, Known]
    plans: dict[UUID, Plan]
    claimed: Answer
    values: Answer | None
    results: Answer | None


def send_claims(
    connection: psycopg.Connection[Any],
    week: Week,
    claims: Sequence[Claim],
    *,
    worker: str,
    lease_s: float,
    alone: bool,
) -> Claiming:
    """Add the claims to the next round trip. Executions that this process has not met cost a round trip of their own.

    `alone`: nothing else is in their transaction. It need not wait for the disk then if all nodes are pure: a crash of
    Postgres may forget that they began, and they begin again.
    """
    known = know(week, {claim.key[0] for claim in claims})
    plans = {id: plan for id, execution in known.items() if (plan := _plan(connection, execution)) is not None}
    asked = sorted(
        (claim for claim in claims if claim.key[0] in plans and claim.key[1] in plans[claim.key[0]].nodes),
        key=lambda claim: claim.key,
    )
    starting = sorted({claim.key[0] for claim in asked if not known[claim.key[0]].started})
    if starting:
        limits = json_rows([row for id in starting if (row := _limit(id, plans[id])) is not None])
        week.run(hot.START, {"ids": uuid_array(starting), "limits": limits})
    elif alone and all(plans[claim.key[0]].nodes[claim.key[1]].pure for claim in asked):
        week.run(hot.UNHURRIED, {})
    rows = key_rows(claim.key for claim in asked)
    wanted: set[Key] = set()
    scopes: list[hot.Row] = []
    for row, claim in zip(rows, asked, strict=True):
        plan = plans[claim.key[0]]
        node = plan.nodes[claim.key[1]]
        row |= {"fence": claim.fence, "timeout_s": node.timeout_ms / 1000}
        wanted.update((claim.key[0], *place) for place in reads.of(plan, node, claim.key[2]).values())
        if node.body is not None:
            scopes.append(reads.results(claim.key, node))
    claimed = week.run(hot.CLAIM, {"claims": json_rows(rows), "worker": worker, "lease_s": lease_s})
    values = week.run(hot.READ_VALUES, {"keys": json_rows(reads.rows(wanted, plans))}) if wanted else None
    results = week.run(hot.READ_RESULTS, {"scopes": json_rows(scopes), "most": RESULTS_BYTES}) if scopes else None
    return Claiming(known, plans, claimed, values, results)


def answers(claims: Sequence[Claim], claiming: Claiming) -> list[Claimed | NotClaimed]:
    """What became of the claims, in their order; after the round trip."""
    values = {
        (id, node, item): Value(output, error, parse_ref(ref))
        for id, node, item, output, error, ref in (claiming.values.rows if claiming.values else ())
    }
    results = reads.passes(claiming.results.rows if claiming.results else ())
    granted = {(row[0], row[1], row[2], row[3]): row[4:] for row in claiming.claimed.rows}
    found: list[Claimed | NotClaimed] = []
    for claim in claims:
        row = granted.pop((*claim.key, claim.fence), None)
        if row is None:
            found.append(NotClaimed(claim.key))
            continue
        execution, plan = claiming.known[claim.key[0]], claiming.plans[claim.key[0]]
        execution.started = True
        execution.alone = None if row[4] is None else Alone(claim.fence, *row[4])
        node = plan.nodes[claim.key[1]]
        places = reads.of(plan, node, claim.key[2])
        found.append(
            Claimed(
                key=claim.key,
                fence=claim.fence,
                attempt=row[0],
                resumed=row[1],
                queue_wait_s=row[2],
                elapsed_s=row[3] or 0.0,
                workflow_id=execution.workflow_id,
                plan=plan,
                node=node,
                values={
                    name: values[key] for name, place in places.items() if (key := (claim.key[0], *place)) in values
                },
                results=results.get(claim.key),
            )
        )
    return found


def _plan(connection: psycopg.Connection[Any], execution: Known) -> Plan | None:
    """The plan; None where this process cannot compile it: its steps wait for one that can."""
    try:
        return plan_of(connection, execution.version_id)
    except FlowversalError as error:
        _log.error("a version cannot be run by this worker", version_id=str(execution.version_id), error=str(error))
        return None


def _limit(id: UUID, plan: Plan) -> hot.Row | None:
    """How long the execution may take, if there is a limit."""
    return None if plan.timeout_ms is None else {"id": id, "timeout_s": plan.timeout_ms / 1000}
