"""The authorisation table: which role and which token scope each action needs. What is not in it is refused.

Every route of both web applications names exactly one `Action`; the guard (shared/web/guard.py) asks `may()`.
Whether a caller may see one particular workflow or execution is decided by the queries (`Identity.sees_all`), and so is
whether they may decide one particular approval (shared/queries/approvals.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from uuid import UUID


class Role(StrEnum):
    """What a person may do: admins everything, editors build and run own and shared workflows, viewers look."""

    ADMIN = "admin"
    EDITOR = "editor"
    VIEWER = "viewer"


class Scope(IntEnum):
    """How far a token reaches; each includes those before it. A session reaches as far as the role."""

    READ = 1
    RUN = 2
    WRITE = 3
    ADMIN = 4


class Action(StrEnum):
    """What a route does."""

    PUBLIC = "public"
    SELF_READ = "self.read"
    SESSION_END = "session.end"
    TOKEN_READ = "token.read"  # noqa: S105 - a name, not a secret
    TOKEN_WRITE = "token.write"  # noqa: S105 - a name, not a secret
    WORKFLOW_READ = "workflow.read"
    WORKFLOW_WRITE = "workflow.write"
    TRIGGER_OPERATE = "trigger.operate"
    EXECUTION_READ = "execution.read"
    EXECUTION_START = "execution.start"
    EXECUTION_CANCEL = "execution.cancel"
    APPROVAL_READ = "approval.read"
    APPROVAL_DECIDE = "approval.decide"
    CREDENTIAL_READ = "credential.read"
    CREDENTIAL_WRITE = "credential.write"
    STATS_READ = "stats.read"
    BUDGET_READ = "budget.read"
    BUDGET_WRITE = "budget.write"
    USER_READ = "user.read"
    SYSTEM_READ = "system.read"


@dataclass(frozen=True, slots=True)
class Rule:
    """The roles that may, and the scope that a token needs on top."""

    roles: frozenset[Role]
    scope: Scope


_ANYONE_SIGNED_IN = frozenset(Role)
_BUILDERS = frozenset({Role.ADMIN, Role.EDITOR})
_ADMINS = frozenset({Role.ADMIN})

RULES: Mapping[Action, Rule] = {
    Action.SELF_READ: Rule(_ANYONE_SIGNED_IN, Scope.READ),
    Action.SESSION_END: Rule(_ANYONE_SIGNED_IN, Scope.READ),
    Action.TOKEN_READ: Rule(_ANYONE_SIGNED_IN, Scope.READ),
    Action.TOKEN_WRITE: Rule(_ANYONE_SIGNED_IN, Scope.WRITE),
    Action.WORKFLOW_READ: Rule(_ANYONE_SIGNED_IN, Scope.READ),
    Action.WORKFLOW_WRITE: Rule(_BUILDERS, Scope.WRITE),
    Action.TRIGGER_OPERATE: Rule(_BUILDERS, Scope.RUN),
    Action.EXECUTION_READ: Rule(_ANYONE_SIGNED_IN, Scope.READ),
    Action.EXECUTION_START: Rule(_BUILDERS, Scope.RUN),
    Action.EXECUTION_CANCEL: Rule(_BUILDERS, Scope.RUN),
    Action.APPROVAL_READ: Rule(_ANYONE_SIGNED_IN, Scope.READ),
    Action.APPROVAL_DECIDE: Rule(_ANYONE_SIGNED_IN, Scope.RUN),
    Action.CREDENTIAL_READ: Rule(_BUILDERS, Scope.READ),
    Action.CREDENTIAL_WRITE: Rule(_BUILDERS, Scope.WRITE),
    Action.STATS_READ: Rule(_ANYONE_SIGNED_IN, Scope.READ),
    Action.BUDGET_READ: Rule(_ANYONE_SIGNED_IN, Scope.READ),
    Action.BUDGET_WRITE: Rule(_ADMINS, Scope.ADMIN),
    Action.USER_READ: Rule(_ADMINS, Scope.READ),
    Action.SYSTEM_READ: Rule(_ADMINS, Scope.READ),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller who proved who they are. `csrf` is set for a session (cookie) and None for a token."""

    user_id: UUID
    email: str
    name: str
    role: Role
    scope: Scope
    csrf: str | None = None

    @property
    def sees_all(self) -> bool:
        """Whether every workflow and execution is visible, not only own and shared ones."""
        return self.role is Role.ADMIN


def may(identity: Identity, action: Action) -> bool:
    """Whether the table lets this caller do this; False for an action that the table does not have."""
    rule = RULES.get(action)
    return rule is not None and identity.role in rule.roles and identity.scope >= rule.scope


def may_start(role: str) -> bool:
    """Whether a run may start in the name of somebody who has this role now; "" is that of one who was disabled."""
    return role in RULES[Action.EXECUTION_START].roles


def reach(scopes: list[str]) -> Scope | None:
    """The widest of the scopes as stored (`["read", "run"]`), or None when there is no valid one."""
    known = [Scope[name.upper()] for name in scopes if name.upper() in Scope.__members__]
    return max(known, default=None)
