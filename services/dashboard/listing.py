"""The filters of an execution list in the URL: from query arguments to `Filters` and back to links."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from werkzeug.datastructures import MultiDict

from services.dashboard.filters import now_ms
from shared import ids
from shared.queries.execution_list import Filters

PAGE_SIZE = 50
MAX_TRAIL = 40
STATUSES = ("queued", "running", "waiting", "canceling", "success", "failed", "canceled")
TRIGGERS = ("manual", "api", "schedule", "webhook", "retry", "workflow")
PERIODS_MS: Mapping[str, int] = {"1h": 3_600_000, "24h": 86_400_000, "7d": 604_800_000, "30d": 2_592_000_000}
PERIOD_NAMES = {"1h": "Last hour", "24h": "Last 24 h", "7d": "Last 7 days", "30d": "Last 30 days"}


@dataclass(frozen=True, slots=True)
class Listing:
    """What the URL asks for. `trail` holds the cursors of the pages gone through, the last one is this page's."""

    status: str = ""
    trigger: str = ""
    period: str = ""
    search: str = ""
    workflow_id: UUID | None = None
    trail: tuple[str, ...] = ()

    @property
    def filtered(self) -> bool:
        """Whether anything narrows the list."""
        return bool(self.status or self.trigger or self.period or self.search or self.workflow_id)

    @property
    def before(self) -> UUID | None:
        """The cursor of this page; None on the newest."""
        return ids.decode(ids.EXECUTION, self.trail[-1]) if self.trail else None

    def filters(self, user_id: UUID | None = None) -> Filters:
        """What to ask the database for; limited to one user's runs if given."""
        return Filters(
            statuses=(self.status,) if self.status else (),
            workflow_id=self.workflow_id,
            user_id=user_id,
            triggers=(self.trigger,) if self.trigger else (),
            search=self.search or None,
            since=now_ms() - PERIODS_MS[self.period] if self.period else None,
        )

    def bulk_filter(self, user_id: str | None) -> dict[str, Any]:
        """The same as the API's filter of a bulk action, without the time, which runs on; limited to one user's runs."""
        narrowed = {
            "status": self.status,
            "trigger": self.trigger,
            "search": self.search,
            "workflowId": ids.encode(ids.WORKFLOW, self.workflow_id) if self.workflow_id else "",
            "userId": user_id or "",
        }
        return {name: value for name, value in narrowed.items() if value}

    def query(self, trail: tuple[str, ...] | None = None) -> str:
        """The query string with the question mark, or nothing; `trail` replaces the pages gone through."""
        pairs: list[tuple[str, Any]] = [
            (name, value)
            for name, value in (
                ("q", self.search),
                ("status", self.status),
                ("trigger", self.trigger),
                ("time", self.period),
                ("workflow", ids.encode(ids.WORKFLOW, self.workflow_id) if self.workflow_id else ""),
            )
            if value
        ]
        pairs += [("before", cursor) for cursor in (self.trail if trail is None else trail)]
        return f"?{urlencode(pairs)}" if pairs else ""

    def newer(self) -> str | None:
        """The query string of the page before this one; None on the newest."""
        return (self.query(self.trail[:-1]) or "?") if self.trail else None

    def older(self, cursor: str | None) -> str | None:
        """The query string of the page after this one; None when there is none."""
        return self.query((*self.trail, cursor)[-MAX_TRAIL:]) if cursor else None


def listing_of(args: MultiDict[str, str]) -> Listing:
    """Read the arguments; what is unknown is ignored, so that an old bookmark still opens."""
    return Listing(
        status=_one_of(args.get("status"), STATUSES),
        trigger=_one_of(args.get("trigger"), TRIGGERS),
        period=_one_of(args.get("time"), tuple(PERIODS_MS)),
        search=args.get("q", "").replace("\x00", "").strip()[:200],
        workflow_id=ids.decode(ids.WORKFLOW, args.get("workflow", "")),
        trail=tuple(cursor for cursor in args.getlist("before") if ids.decode(ids.EXECUTION, cursor))[-MAX_TRAIL:],
    )


def _one_of(value: str | None, known: tuple[str, ...]) -> str:
    return value if value is not None and value in known else ""
