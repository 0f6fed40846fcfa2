"""The embedded servers themselves: passwords, restarts, crashes."""

import os

import pika
import psycopg
import pytest
import redis

from services.standalone.servers.postgres import ADMIN, Postgres
from services.standalone.servers.rabbitmq import RabbitMQ
from services.standalone.servers.valkey import Valkey

READY_S = 90.0


def test_a_test_database_has_the_schema_and_is_its_own(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM executions").fetchone() == (0,)
        connection.execute("CREATE TABLE mine ()")


def test_another_test_database_is_fresh(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT to_regclass('mine')").fetchone() == (None,)


@pytest.mark.parametrize("user", [ADMIN, "flowversal"])
def test_postgres_refuses_a_connection_without_a_password(postgres: Postgres, user: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(host="127.0.0.1", port=postgres.port, user=user, dbname=ADMIN, password="", passfile=os.devnull)


def test_the_application_role_is_no_superuser(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    assert found == (False,)


def test_postgres_keeps_committed_rows_over_a_crash(durable_postgres: Postgres) -> None:
    with psycopg.connect(durable_postgres.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    url = durable_postgres.url
    durable_postgres.kill()
    durable_postgres.start()
    durable_postgres.wait_ready(READY_S)
    assert durable_postgres.url == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_valkey_wants_a_password_and_keeps_its_content(valkey: Valkey, redis_url: str) -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=valkey.port).ping()
    with redis.Redis.from_url(redis_url) as client:
        client.set("key", "value")
        valkey.stop()
        valkey.start()
        valkey.wait_ready(READY_S)
        assert client.get("key") == b"value"


def test_rabbitmq_keeps_a_durable_queue_over_a_stop(rabbitmq: RabbitMQ, amqp_url: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        channel = connection.channel()
        channel.queue_declare("kept", durable=True)
        channel.confirm_delivery()
        channel.basic_publish("", "kept", b"body", pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent))
    rabbitmq.stop()
    rabbitmq.start()
    rabbitmq.wait_ready(READY_S)
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        assert connection.channel().queue_declare("kept", passive=True).method.message_count == 1


def test_a_virtual_host_is_empty(amqp_url: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        with pytest.raises(pika.exceptions.ChannelClosedByBroker):
            connection.channel().queue_declare("kept", passive=True)
