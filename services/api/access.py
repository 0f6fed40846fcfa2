"""The caller's view: what one may not see does not exist."""

from uuid import UUID

from shared.db import credentials, workflows
from shared.db.credentials import StoredCredential
from shared.db.workflows import Workflow
from shared.domain.errors import Forbidden, NotFound
from shared.engine.runnable import NO_WORKFLOW
from shared.queries import dead_letters, executions
from shared.queries.dead_letters import LetterRow
from shared.queries.executions import ExecutionRow
from shared.queries.shapes import Viewer
from shared.web.database import connection
from shared.web.guard import identity

NO_EXECUTION = "There is no such execution, or none that you may see."
NO_CREDENTIAL = "There is no such credential, or none that you may see."
NO_LETTER = "There is no such dead letter, or none that you may see."


def viewer() -> Viewer:
    """Whose eyes this request has."""
    return Viewer(identity().user_id, identity().sees_all)


def visible_workflow(workflow_id: UUID, *, lock: bool = False) -> Workflow:
    """The workflow; `lock` holds its row until the request ends. Raises NotFound."""
    eyes = viewer()
    found = workflows.get(connection(), workflow_id, viewer=eyes.user_id, everything=eyes.everything, lock=lock)
    if found is None:
        raise NotFound(NO_WORKFLOW)
    return found


def visible_execution(execution_id: UUID) -> ExecutionRow:
    """The execution. Raises NotFound."""
    found = executions.row(connection(), execution_id, viewer())
    if found is None:
        raise NotFound(NO_EXECUTION)
    return found


def visible_letter(letter_id: UUID) -> LetterRow:
    """The dead letter. Raises NotFound."""
    found = dead_letters.one(connection(), letter_id, viewer())
    if found is None:
        raise NotFound(NO_LETTER)
    return found


def visible_credential(credential_id: UUID, *, lock: bool = False) -> StoredCredential:
    """The credential, encrypted; `lock` holds its row until the request ends. Raises NotFound."""
    eyes = viewer()
    found = credentials.get(connection(), credential_id, viewer=eyes.user_id, everything=eyes.everything, lock=lock)
    if found is None:
        raise NotFound(NO_CREDENTIAL)
    return found


def refuse_strangers(owner_id: UUID, thing: str, doing: str) -> None:
    """Raises Forbidden unless the caller owns it or is an admin; `doing` like "delete it"."""
    if owner_id != identity().user_id and not identity().sees_all:
        raise Forbidden(f"Only the owner of a {thing} and admins may {doing}.")
