"""Dead letters by cause, and the letters of one cause: the pages and the frames of their streams."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import render_template
from werkzeug.datastructures import MultiDict

from services.dashboard.context import viewer
from services.dashboard.filters import now_ms
from services.dashboard.frames import Context, Rendered
from services.dashboard.listing import PERIODS_MS
from shared import ids
from shared.auth.access import Action, may
from shared.domain.errors import NotFound
from shared.queries import dead_letters, dead_messages
from shared.queries.dead_letters import Filters
from shared.web.database import connection
from shared.web.guard import identity

PAGE_SIZE = 50
MESSAGES = 20
AMONG = 20_000
"""How many letters a page looks at, so that a flood of failures does not slow it down."""
STATES = {"": "open", "redriven": "redriven", "dismissed": "dismissed", "all": None}
STATE_NAMES = {"": "Open", "redriven": "Redriven", "dismissed": "Dismissed", "all": "All"}
TABS = ("error", "input", "attempts")
_FINGERPRINT = re.compile("[0-9a-f]{16}")
NO_GROUP = "There are no dead letters of this cause, or none that you may see."


@dataclass(frozen=True, slots=True)
class Sought:
    """What the URL asks for: `state` and `period` as in the page's filters, one workflow if named, one page."""

    state: str = ""
    period: str = ""
    workflow_id: UUID | None = None
    before: UUID | None = None

    @property
    def narrowed(self) -> bool:
        """Whether more than the state narrows the list."""
        return bool(self.period or self.workflow_id)

    def filters(self) -> Filters:
        """What to ask the database for."""
        since = now_ms() - PERIODS_MS[self.period] if self.period else None
        return Filters(workflow_id=self.workflow_id, state=STATES[self.state], since=since)

    def query(self, **changed: Any) -> str:
        """The query string with the question mark, or nothing; `state` and `before` may be replaced."""
        pairs = {
            "state": changed.get("state", self.state),
            "time": self.period,
            "workflow": ids.encode(ids.WORKFLOW, self.workflow_id) if self.workflow_id else "",
            "before": changed.get("before", ""),
        }
        given = {name: value for name, value in pairs.items() if value}
        return f"?{urlencode(given)}" if given else "?"


def sought(args: MultiDict[str, str]) -> Sought:
    """Read the arguments; what is unknown is ignored, so that an old bookmark still opens."""
    state, period = args.get("state", ""), args.get("time", "")
    return Sought(
        state=state if state in STATES else "",
        period=period if period in PERIODS_MS else "",
        workflow_id=ids.decode(ids.WORKFLOW, args.get("workflow", "")),
        before=ids.decode(ids.LETTER, args.get("before", "")),
    )


def groups_context(args: MultiDict[str, str]) -> Context:
    """A page of causes, the one that failed last first; for admins also the messages that no worker could read."""
    wanted = sought(args)
    found = dead_letters.groups(
        connection(), wanted.filters(), viewer(), before=wanted.before, limit=PAGE_SIZE + 1, among=AMONG
    )
    shown = found[:PAGE_SIZE]
    seen = may(identity(), Action.SYSTEM_READ) and wanted.before is None
    return {
        "groups": [group for _, group in shown],
        "sought": wanted,
        "state_names": STATE_NAMES,
        "older": wanted.query(before=ids.encode(ids.LETTER, shown[-1][0])) if len(found) > PAGE_SIZE else None,
        "newest": wanted.query() if wanted.before is not None else None,
        "messages": dead_messages.page(connection(), before=None, limit=MESSAGES) if seen else [],
        "most_messages": MESSAGES,
        "among": AMONG if sum(group["count"] for _, group in found) >= AMONG else None,
    }


def groups_frame(args: MultiDict[str, str]) -> Rendered:
    """The live part of the list of causes."""
    return render_template("live/error_groups.html", **groups_context(args)), False, False


def letters_context(fingerprint: str, args: MultiDict[str, str]) -> Context:
    """One cause with a page of its letters, newest first, and the inspected one (`?letter=`). Raises NotFound."""
    of_cause = Filters(fingerprint=fingerprint)
    known = _FINGERPRINT.fullmatch(fingerprint) is not None
    groups = dead_letters.groups(connection(), of_cause, viewer(), before=None, limit=1) if known else []
    if not groups:
        raise NotFound(NO_GROUP)
    before = ids.decode(ids.LETTER, args.get("before", ""))
    found = dead_letters.page(connection(), of_cause, viewer(), before=before, limit=PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    return {
        "group": groups[0][1],
        "letters": shown,
        "older": shown[-1]["id"] if len(found) > PAGE_SIZE else None,
        "before": args.get("before") if before is not None else None,
        "opened": _opened(fingerprint, shown, args.get("letter", "")),
        "tab": args["tab"] if args.get("tab") in TABS else TABS[0],
    }


def letters_frame(fingerprint: str, args: MultiDict[str, str]) -> Rendered:
    """The live part of one cause."""
    return render_template("live/error_group.html", **letters_context(fingerprint, args)), False, False


def _opened(fingerprint: str, shown: list[dict[str, Any]], wanted: str) -> dict[str, Any] | None:
    """The letter to show in full: the wanted one, else the first that is open, else the newest."""
    first = next((each["id"] for each in shown if each["state"] == "open"), shown[0]["id"] if shown else "")
    for public in (wanted, first):
        key = ids.decode(ids.LETTER, public)
        letter = dead_letters.one(connection(), key, viewer()) if key is not None else None
        if letter is not None and letter.fingerprint == fingerprint:
            return dead_letters.detail(connection(), letter, viewer())
    return None
