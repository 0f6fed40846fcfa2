"""A worker's moves in a test of the API: a step that asks and waits."""

import secrets
from typing import Any

import psycopg

from shared import ids
from shared.domain.outcome import Ask, Kind, Outcome
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.requests import Claim, Claimed
from tests.integration.api.caller import Caller


def claim(connection: psycopg.Connection[Any], execution: str, node: str = "first") -> Claimed:
    """Take a step of an execution (its public id)."""
    key = ids.decode(ids.EXECUTION, execution)
    assert key is not None
    batch = Batch([Claim((key, node, ""), secrets.randbits(62))], [], Options(worker="w"))
    claimed = run_batch(connection, batch).claimed[0]
    assert isinstance(claimed, Claimed)
    return claimed


def wait(connection: psycopg.Connection[Any], claimed: Claimed, ask: Ask, due_s: float | None = None) -> None:
    """Hand in that the step waits and asks."""
    outcome = Outcome(
        claimed.key, Kind.WAIT, claimed.fence, due_s=due_s, ask=ask, touches=claimed.plan.touches(*claimed.key[1:])
    )
    assert run_batch(connection, Batch([], [outcome], Options())).completed[0].accepted


def asked(connection: psycopg.Connection[Any], caller: Caller, *approvers: str, workflow: str = "") -> str:
    """The id of an execution whose first step waits for a decision."""
    execution = caller.started(workflow or caller.workflow())
    wait(connection, claim(connection, execution), Ask("approval", "Pay?", approvers))
    return execution
