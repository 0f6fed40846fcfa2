"""Plans of versions, compiled once per process: a version never changes."""

import threading
from functools import lru_cache
from typing import Any
from uuid import UUID

import psycopg

from shared.domain.compiler import compile_definition
from shared.domain.errors import NotFound
from shared.domain.plan import Plan
from shared.domain.values import from_json
from shared.nodes.catalogue import node_types

VERSION_DEFINITION = "SELECT definition::text FROM workflow_versions WHERE id = %s"
"""The definition of an immutable version."""

_CACHED_PLANS = 1_000
_lock = threading.Lock()


def plan_of(connection: psycopg.Connection[Any], version_id: UUID) -> Plan:
    """The compiled version; raises NotFound if there is none. Reads the database at most once per version."""
    plan = _plans().get(version_id)
    if plan is None:
        row = connection.execute(VERSION_DEFINITION, (version_id,)).fetchone()
        if row is None:
            raise NotFound(f"There is no workflow version {version_id}.")
        plan = compile_definition(from_json(row[0]), node_types())
        _remember(version_id, plan)
    return plan


@lru_cache(maxsize=1)
def _plans() -> dict[UUID, Plan]:
    return {}


def _remember(version_id: UUID, plan: Plan) -> None:
    plans = _plans()
    with _lock:
        if len(plans) >= _CACHED_PLANS:
            plans.pop(next(iter(plans)))
        plans[version_id] = plan
