"""Ids that Postgres makes: UUIDv7, in the order in which they were made."""

import time
from uuid import UUID

import psycopg

MADE = "SELECT uuid7(), uuid7_floor(clock_timestamp()), clock_timestamp() FROM generate_series(1, 10000)"


def test_they_are_in_order_also_within_a_millisecond(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        ids = [row[0] for row in connection.execute(MADE)]
    assert len(set(ids)) == len(ids)
    # Two within the same quarter of a microsecond may be either way round.
    moments = [id.int >> 64 for id in ids]
    assert moments == sorted(moments)
    assert len({id.int >> 80 for id in ids}) < len(ids) / 10 < len(set(moments))


def test_they_are_of_version_7_and_of_their_moment(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        began = time.time()
        ids: list[tuple[UUID, UUID, object]] = connection.execute(MADE).fetchall()
        ended = time.time()
    for id, floor, _ in ids:
        assert (id.version, id.variant) == (7, "specified in RFC 4122")
        for moment_ms in (id.int >> 80, floor.int >> 80):
            assert began - 0.001 <= moment_ms / 1000 <= ended
    assert len({id.int & (1 << 62) - 1 for id, _, _ in ids}) == len(ids)
