"""An application that is closed leaves no thread that goes on looking for its servers."""

import threading

from shared.settings import Settings
from tests.integration.api.caller import Caller
from tests.integration.api.conftest import application


def test_no_thread_is_left(settings: Settings, admin: Caller) -> None:
    workflow = admin.workflow()
    before = set(threading.enumerate())
    with application(settings) as app:
        Caller(app, admin.token, admin.user_id, admin.public_id).started(workflow)
        started = {each for each in threading.enumerate() if each not in before and each.name in ("publisher", "hints")}
        assert {each.name for each in started} == {"publisher", "hints"}
    for each in started:
        each.join(5)
    assert not any(each.is_alive() for each in started)
