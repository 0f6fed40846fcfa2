"""The credentials that a definition names: whether they are there, fit, and may be used by who names them.

What somebody put into a draft who could see it, stays when others save the draft (`Workflow.vetted_credentials`); nobody
can add one that they cannot see, not even to a draft with problems that another one then publishes or runs.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from services.api.access import viewer
from shared.db import credentials
from shared.db.credentials import Referred
from shared.db.workflows import Workflow
from shared.domain.errors import InvalidDefinition, Problem
from shared.nodes.catalogue import node_types
from shared.nodes.credential_refs import Reference, credential_references
from shared.web.database import connection
from shared.web.guard import identity

_UNSEEN = "there is no credential with this id that you may use: choose another"
_NOT_THE_OWNERS = (
    "the owner of this workflow may not use this credential: share the credential, or choose one of the owner's"
)


class Named(NamedTuple):
    """What is wrong with the credentials of a definition, and which of them may stay from now on."""

    problems: list[Problem]
    vetted: list[UUID]


NOTHING = Named([], [])


def named_credentials(
    definition: Mapping[str, Any], owner_id: UUID | None = None, vetted: Collection[UUID] = ()
) -> Named:
    """Look at a definition that the caller saves, for a workflow of `owner_id`, else of their own."""
    found = list(credential_references(definition, node_types()))
    if not found:
        return NOTHING
    there = {each.id: each for each in credentials.referred(connection(), {each.id for each in found})}
    eyes = viewer()
    seen = {
        each.id for each in there.values() if eyes.everything or each.shared or each.owner_id == eyes.user_id
    } | there.keys() & set(vetted)
    owner = identity().user_id if owner_id is None else owner_id
    problems = [
        Problem(each.path, text)
        for each in found
        for text in _wrong(each, there[each.id] if each.id in seen else None, owner)
    ]
    return Named(problems, sorted({each.id for each in found} & seen))


def named_in(workflow: Workflow) -> Named:
    """Look at the draft of a workflow, as the caller."""
    return named_credentials(workflow.definition, workflow.owner_id, workflow.vetted_credentials)


def check_named_credentials(workflow: Workflow) -> None:
    """Raises InvalidDefinition if the draft, which the caller publishes or runs, names credentials that it may not."""
    problems = named_in(workflow).problems
    if problems:
        raise InvalidDefinition(problems)


def _wrong(reference: Reference, found: Referred | None, owner_id: UUID) -> Iterator[str]:
    if found is None:
        yield _UNSEEN
    elif found.type not in reference.types:
        wanted = " or ".join(reference.types)
        yield f"this is a credential of the type {found.type}, but {wanted} is needed here: choose another"
    elif not found.shared and found.owner_id != owner_id:
        yield _NOT_THE_OWNERS
