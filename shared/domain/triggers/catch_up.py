"""Which of the firings that are due start a run, and which were missed. Pure; moments in ms."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from shared.domain.triggers.timing import Timing

LOOK = 10_000
"""So many due firings are looked at in one turn; the rest comes with the next."""
STARTS = 20
"""So many runs are started in one turn, that other schedules have theirs."""
LISTED = 100
"""So many missed firings of a turn are listed one by one; the ones before them as one entry with their count."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is done about late firings: `once`, `skip` or `all` of them, at most `most`; late is later than `grace_ms`."""

    misfire: str
    most: int
    grace_ms: int


@dataclass(frozen=True, slots=True)
class Firing:
    """One firing; `missed` says why it starts nothing. `count`: it stands for so many, itself the last of them."""

    at: int
    missed: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Turn:
    """What is due, in order, and when the schedule is to be looked at again; None: never."""

    firings: list[Firing]
    next_at: int | None


def take_turn(timing: Timing, policy: Policy, next_at: int, now: int) -> Turn:
    """What to do at `now` with a schedule whose next firing was `next_at`, not after now.

    A firing within its grace starts a run. Of late ones the policy decides: none, all but the earliest that are too many,
    or the last one, unless one in time stands for it. Raises what `Timing.due` raises.
    """
    due, following = _due(timing, next_at, now)
    if following is not None and following <= now and len(due) > policy.most:
        # Only who sees the end knows the last ones.
        due, following = due[: -policy.most], due[-policy.most]
    return _cut(_decide(due, policy, now, ended=following is None or following > now), following)


def _due(timing: Timing, next_at: int, now: int) -> tuple[list[int], int | None]:
    """At most LOOK due firings, and the one after them."""
    found: list[int] = []
    for each in chain((next_at,), timing.due(next_at)):
        if each > now or len(found) == LOOK:
            return found, each
        found.append(each)
    return found, None


def _decide(due: Sequence[int], policy: Policy, now: int, *, ended: bool) -> list[Firing]:
    late = [at for at in due if now - at > policy.grace_ms]
    in_time = due[len(late) :]
    kept = 0
    if ended and policy.misfire == "all":
        kept = policy.most
    elif ended and policy.misfire == "once" and not in_time:
        kept = 1
    cut = max(0, len(late) - kept)
    reason = _REASONS[policy.misfire]
    return [*_missed(late[:cut], reason), *(Firing(at) for at in late[cut:]), *(Firing(at) for at in in_time)]


_REASONS = {
    "skip": "It was noticed too late, and late firings are skipped (misfire: skip).",
    "once": "It was noticed too late; the last one that is due stands for it (misfire: once).",
    "all": "It was noticed too late, and more were due than maxCatchUp allows (misfire: all).",
}


def _missed(moments: Sequence[int], reason: str) -> list[Firing]:
    folded = max(0, len(moments) - LISTED)
    first = [Firing(moments[folded - 1], reason, folded)] if folded else []
    return first + [Firing(at, reason) for at in moments[folded:]]


def _cut(firings: list[Firing], following: int | None) -> Turn:
    """The part up to the last run that this turn may start."""
    starts = 0
    for place, firing in enumerate(firings):
        if not firing.missed:
            if starts == STARTS:
                return Turn(firings[:place], firing.at)
            starts += 1
    return Turn(firings, following)
