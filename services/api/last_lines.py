"""Workers store log lines up to a quarter of a second after the step that wrote them. Whoever asks for the log of an execution
that has just ended waits for the last ones here, so that no worker has to hurry.
"""

from datetime import datetime
from time import monotonic, sleep

from shared.queries import logs
from shared.web.database import connection, release

MAX_WAIT_S = 2.0
_LOOK_S = 0.02


def wait_for_last_lines(ended_at: datetime | None) -> None:
    """Return when the log of an execution that ended then is whole: at once if that was 0.6 s ago, at most 2 s later.

    Holds no connection while it waits. Lines that Postgres could not take in time, because it was away, come later.
    """
    left = logs.all_sent_in_s(connection(), ended_at)
    if left <= 0:
        return
    ends = monotonic() + MAX_WAIT_S
    _pause(min(left, MAX_WAIT_S))
    # What was sent may be hidden behind transactions that were open then.
    last = logs.newest_transaction(connection())
    while not logs.settled(connection(), last, ended_at) and monotonic() < ends:
        _pause(_LOOK_S)


def _pause(seconds: float) -> None:
    release()
    sleep(seconds)
