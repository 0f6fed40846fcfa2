"""Settings that mean the same in two ways of writing."""

import pytest
from pydantic import ValidationError

from shared.settings import Settings, WrongSettings, get_settings


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("valkey://host:1/0", "redis://host:1/0"),
        ("valkeys://host:1/0", "rediss://host:1/0"),
        ("redis://valkey:1", "redis://valkey:1"),
        ("amqp://a;amqp://b", "amqp://a;amqp://b"),
    ],
)
def test_valkey_is_another_name_for_redis(written: str, read: str) -> None:
    settings = Settings(BROKER_URL=written, REDIS_URL=written)
    assert (settings.broker_url, settings.redis_url) == (read, read)


@pytest.mark.parametrize(
    ("written", "read"),
    [("default", ("default",)), ("ai,code", ("ai", "code")), (" code , ai,code,", ("code", "ai"))],
)
def test_a_worker_serves_one_pool_or_several(written: str, read: tuple[str, ...]) -> None:
    assert Settings(FLOWVERSAL_WORKER_POOL=written).worker_pools == read


@pytest.mark.parametrize("written", [",", "gpu", "ai;code"])
def test_a_pool_that_does_not_exist_is_refused(written: str) -> None:
    with pytest.raises(ValidationError, match="default, ai, code"):
        Settings(FLOWVERSAL_WORKER_POOL=written)


def test_what_cannot_be_used_is_said_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWVERSAL_PORT", "http")
    monkeypatch.setenv("FLOWVERSAL_LOG_FORMAT", "xml")
    with pytest.raises(WrongSettings) as caught:
        get_settings.__wrapped__()
    assert str(caught.value).splitlines() == [
        'FLOWVERSAL_PORT: this must be a whole number; it is "http"',
        "FLOWVERSAL_LOG_FORMAT: this must be `json` or `text`",
    ]
