"""The credentials that a definition names: whether they are there, fit, and may be used by who names them.

What somebody who can see a credential uses it for in a draft stays when others save the draft (`Workflow.vetted_credentials`).
Those who cannot see it can neither add nor change a use, not even in a draft with problems that another one then
publishes or runs.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from shared.db import credentials
from shared.db.credentials import Referred
from shared.db.workflows import NONE_VETTED, Workflow
from shared.domain.errors import InvalidDefinition, Problem
from shared.nodes.catalogue import node_types
from shared.nodes.credential_refs import Reference, credential_references
from shared.web.database import connection
from shared.web.guard import identity

_UNSEEN = "there is no credential with this id that you may use: choose another"
_CHANGED = "you may not use this credential here: only its owner can change what it is used for. Undo the change, or choose another"
_NOT_THE_OWNERS = (
    "the owner of this workflow may not use this credential: share the credential, or choose one of the owner's"
)


class Named(NamedTuple):
    """What is wrong with the credentials of a definition, and which uses of them may stay from now on."""

    problems: list[Problem]
    vetted: dict[str, list[str]]


def named_credentials(
    definition: Mapping[str, Any],
    owner_id: UUID | None = None,
    vetted: Mapping[str, Sequence[str]] = NONE_VETTED,
) -> Named:
    """Look at a definition that the caller saves, for a workflow of `owner_id`, else of their own."""
    found = list(credential_references(definition, node_types()))
    if not found:
        return Named([], {})
    there = {each.id: each for each in credentials.referred(connection(), {each.id for each in found})}
    me = identity()
    seen = {each.id for each in there.values() if me.sees_all or each.shared or each.owner_id == me.user_id}
    owner = me.user_id if owner_id is None else owner_id
    # What the caller cannot see keeps its uses while it is named at all: a change can be undone.
    keep = {str(id): list(vetted[str(id)]) for id in there.keys() - seen if str(id) in vetted}
    for each in found:
        if each.id in seen:
            keep.setdefault(str(each.id), []).append(_hash(each))
    problems = [
        Problem(each.path, text)
        for each in found
        for text in _wrong(each, there.get(each.id), keep.get(str(each.id)), owner)
    ]
    return Named(problems, {id: sorted(set(uses)) for id, uses in keep.items()})


def named_in(workflow: Workflow) -> Named:
    """Look at the draft of a workflow, as the caller."""
    return named_credentials(workflow.definition, workflow.owner_id, workflow.vetted_credentials)


def check_named_credentials(workflow: Workflow) -> None:
    """Raises InvalidDefinition if the draft, which the caller publishes or runs, names credentials that it may not."""
    problems = named_in(workflow).problems
    if problems:
        raise InvalidDefinition(problems)


def _hash(reference: Reference) -> str:
    """Of all that says what a credential is used for, its id too."""
    return sha256(json.dumps(reference.use, sort_keys=True).encode()).hexdigest()


def _wrong(reference: Reference, found: Referred | None, uses: Sequence[str] | None, owner_id: UUID) -> Iterator[str]:
    if found is None or uses is None:
        yield _UNSEEN
    elif _hash(reference) not in uses:
        yield _CHANGED
    elif found.type not in reference.types:
        wanted = " or ".join(reference.types)
        yield f"this is a credential of the type {found.type}, but {wanted} is needed here: choose another"
    elif not found.shared and found.owner_id != owner_id:
        yield _NOT_THE_OWNERS
