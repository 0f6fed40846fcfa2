"""What all webhooks of a process share."""

from contextlib import ExitStack
from uuid import UUID

import pytest

from services.api.hooks.refused import Refused
from services.api.hooks.room import Room

FIRST, *OTHERS = [UUID(int=number) for number in range(1, 6)]


def test_one_webhook_gets_a_quarter_and_all_together_the_whole() -> None:
    room = Room(100)
    with ExitStack() as held:
        share = held.enter_context(room.share(FIRST))
        share.grow(10)
        share.grow(15)
        with pytest.raises(Refused) as caught, room.share(FIRST) as more:
            more.grow(1)
        assert (caught.value.status, caught.value.headers, caught.value.reason) == (429, {"Retry-After": "1"}, "busy")
        for other in OTHERS[:3]:
            held.enter_context(room.share(other)).grow(25)
        with pytest.raises(Refused), room.share(OTHERS[3]) as late:
            late.grow(1)
    with room.share(OTHERS[3]) as late:
        late.grow(25)


def test_what_was_refused_gives_back_what_it_had() -> None:
    room = Room(100)
    with pytest.raises(Refused), room.share(FIRST) as share:
        share.grow(20)
        share.grow(20)
    with room.share(FIRST) as again:
        again.grow(25)
    assert not room._held
