"""One small step of an action on many executions: a few of them, and the job's counters, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from shared import ids
from shared.auth.access import may_start
from shared.broker import StepRef
from shared.db import audit, bulk_jobs
from shared.db.bulk_jobs import Job
from shared.db.pool import SERVER_ERRORS, server_is_away
from shared.domain.errors import RequestError
from shared.engine.bulk_match import CANCEL, RETRY, retried
from shared.engine.cancel import CancelResult, cancel_execution
from shared.engine.redrive import lock_executions
from shared.engine.retry import FAILED, lock_first, retry_execution
from shared.engine.runnable import published, startable
from shared.log import get_logger
from shared.queries.shapes import Viewer

BATCH = 25
KEPT_ERRORS = 10
_RACES = ("40P01", "40001")

_log = get_logger(__name__)


@dataclass(slots=True)
class Advanced:
    """What a step of a job did; publish and hint after the commit."""

    changed: int = 0
    skipped: int = 0
    failed: int = 0
    ready: list[StepRef] = field(default_factory=list)
    touched: set[UUID] = field(default_factory=set)
    started: int = 0
    canceled: set[UUID] = field(default_factory=set)
    """Those that are over already."""
    errors: list[dict[str, str]] = field(default_factory=list)

    def refuse(self, execution_id: UUID, message: str) -> None:
        """Note an execution to which nothing could be done."""
        self.failed += 1
        self.errors.append({"executionId": ids.encode(ids.EXECUTION, execution_id), "message": message})


def advance_bulk(
    connection: psycopg.Connection[Any], *, limit: int = BATCH, republish_s: float = 5.0
) -> Advanced | None:
    """Act on the next executions of one job, in a transaction of its own; None if no job waits.

    An execution leaves the job's list in this transaction, so it is acted on once, whatever crashes. Raises psycopg
    errors when the server is away; then nothing was done.
    """
    with connection.transaction():
        job = bulk_jobs.lock_next(connection)
        if job is None:
            return None
        done = Advanced()
        if not may_start(job.role):
            bulk_jobs.stop(connection, job.id)
            return done
        batch = bulk_jobs.take(connection, job.id, limit)
        _act_on_all(connection, job, batch, done, republish_s)
        bulk_jobs.advance(
            connection,
            job.id,
            changed=done.changed,
            skipped=done.skipped,
            failed=done.failed,
            errors=[*job.errors, *done.errors][:KEPT_ERRORS],
        )
        return done


def _act_on_all(
    connection: psycopg.Connection[Any], job: Job, batch: Sequence[UUID], done: Advanced, republish_s: float
) -> None:
    over: set[UUID] = set()
    # In the order of everybody, before the first of their steps.
    lock_executions(connection, batch)
    if job.action == RETRY and job.retry_from == FAILED:
        over = retried(connection, batch)
    done.skipped += len(over)
    for execution_id in batch:
        if execution_id not in over:
            _alone(connection, job, execution_id, done, republish_s)


def _alone(
    connection: psycopg.Connection[Any], job: Job, execution_id: UUID, done: Advanced, republish_s: float
) -> None:
    """Act on one so that its failure undoes nothing of the others."""
    try:
        with connection.transaction():
            if job.action == CANCEL:
                _cancel(connection, job, execution_id, done)
            else:
                _retry(connection, job, execution_id, done, republish_s)
    except RequestError as error:
        done.refuse(execution_id, str(error))
    except Exception as error:
        if isinstance(error, SERVER_ERRORS) and (server_is_away(error) or error.sqlstate in _RACES):
            raise
        _log.exception("a bulk action failed at an execution", execution_id=str(execution_id))
        done.refuse(execution_id, "This failed on the server's side. The log of clockwork has the details.")


def _cancel(connection: psycopg.Connection[Any], job: Job, execution_id: UUID, done: Advanced) -> None:
    result = cancel_execution(connection, execution_id)
    if result not in (CancelResult.CANCELED, CancelResult.CANCELING):
        done.skipped += 1
        return
    _note(connection, job, "execution.cancel", execution_id)
    done.changed += 1
    done.touched.add(execution_id)
    if result is CancelResult.CANCELED:
        done.canceled.add(execution_id)


def _retry(
    connection: psycopg.Connection[Any], job: Job, execution_id: UUID, done: Advanced, republish_s: float
) -> None:
    viewer = Viewer(job.user_id, everything=job.role == "admin")
    first = lock_first(connection, execution_id)
    version_id = first.version_id
    if job.retry_version == "published":
        version_id = published(connection, first.workflow_id, viewer).version_id
    else:
        startable(connection, first.workflow_id, viewer)
    started = retry_execution(
        connection,
        execution_id,
        version_id,
        user_id=job.user_id,
        start_from=job.retry_from,
        republish_s=republish_s,
    )
    _note(connection, job, "execution.retry", started.id, retryOf=ids.encode(ids.EXECUTION, execution_id))
    done.changed += 1
    done.started += 1
    done.ready += started.ready
    done.touched |= {execution_id, started.id}


def _note(connection: psycopg.Connection[Any], job: Job, action: str, target: UUID, **detail: str) -> None:
    """Each change is in the audit trail, in the name of who asked for all of them."""
    detail["bulk"] = ids.encode(ids.BULK, job.id)
    public = ids.encode(ids.EXECUTION, target)
    audit.append(connection, job.user_id, action, public, detail=detail, address=job.address)
