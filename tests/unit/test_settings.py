"""Settings that mean the same in two ways of writing."""

import pytest

from shared.settings import Settings


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
