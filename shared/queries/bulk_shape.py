"""An action on many executions as the API shows it."""

from typing import Any

from shared import ids
from shared.db.bulk_jobs import Job
from shared.queries.shapes import ms


def bulk_shape(job: Job) -> dict[str, Any]:
    """The job with its progress."""
    return {
        "id": ids.encode(ids.BULK, job.id),
        "action": job.action,
        "status": job.state,
        "total": job.total,
        "done": job.done,
        "changed": job.changed,
        "skipped": job.skipped,
        "failed": job.failed,
        "errors": job.errors,
        "createdAt": ms(job.created_at),
        "completedAt": ms(job.completed_at),
    }
