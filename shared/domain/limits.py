"""How many runs of a workflow may be active, and how many may begin: pure, values in, a decision out."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from shared.expr import Template


@dataclass(frozen=True, slots=True)
class Limits:
    """What `settings` allow: active runs of the workflow, and of those with the same key; starts in a window of time."""

    max_concurrent: int | None = None
    max_per_key: int | None = None
    rate_max: int | None = None
    rate_ms: int | None = None

    def __str__(self) -> str:
        parts = []
        if self.max_concurrent is not None:
            parts.append(f"at most {self.max_concurrent:,} at a time")
        if self.max_per_key is not None:
            parts.append(f"at most {self.max_per_key:,} with the same key at a time")
        if self.rate_max is not None and self.rate_ms is not None:
            parts.append(f"at most {self.rate_max:,} starts in {self.rate_ms / 1000:g} s")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class KeyedLimits:
    """The limits of a plan, with the template that gives a run's key."""

    limits: Limits
    key: Template | None = None


@dataclass(frozen=True, slots=True)
class Applicant:
    """A run that waits for its turn."""

    id: UUID
    key: str
    limits: Limits


@dataclass(slots=True)
class Occupancy:
    """What a workflow has now: active runs by key, and how many seconds ago each recent one was admitted."""

    by_key: Counter[str] = field(default_factory=Counter)
    ages_s: list[float] = field(default_factory=list)
    full_keys: set[str] = field(default_factory=set)
    """Keys that somebody was turned away for."""
    full: bool = False
    """Whether the workflow itself is full, so that nobody behind may overtake."""

    def admit(self, applicants: Iterable[Applicant]) -> list[UUID]:
        """Who may begin now, in the order given. A full key holds up only those who share it."""
        admitted: list[UUID] = []
        for applicant in applicants:
            limits = applicant.limits
            if self._is_full(limits):
                self.full = True
                break
            if limits.max_per_key is not None and self.by_key[applicant.key] >= limits.max_per_key:
                self.full_keys.add(applicant.key)
                continue
            self.by_key[applicant.key] += 1
            self.ages_s.append(0.0)
            admitted.append(applicant.id)
        return admitted

    def _is_full(self, limits: Limits) -> bool:
        if limits.max_concurrent is not None and self.by_key.total() >= limits.max_concurrent:
            return True
        if limits.rate_max is None or limits.rate_ms is None:
            return False
        return sum(age_s < limits.rate_ms / 1000 for age_s in self.ages_s) >= limits.rate_max
