"""What a loop does with one execution that it cannot deal with."""

from uuid import UUID

import psycopg
import pytest

from services.worker.loops.postponed import Postponed

ID = UUID(int=1)


def test_a_guilty_one_is_left_alone_for_a_minute() -> None:
    postponed = Postponed()
    with postponed.isolated(ID):
        raise ValueError("no such node type")
    assert postponed.ids() == [ID]


@pytest.mark.parametrize("error", [psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable])
def test_a_deadlock_or_a_time_limit_is_tried_again_at_once(error: type[psycopg.Error]) -> None:
    postponed = Postponed()
    with postponed.isolated(ID):
        raise error("in the way")
    assert postponed.ids() == []


def test_a_server_that_is_away_ends_the_pass() -> None:
    postponed = Postponed()
    with pytest.raises(psycopg.OperationalError), postponed.isolated(ID):
        raise psycopg.OperationalError("gone")
    assert postponed.ids() == []
