"""Real Postgres, Valkey, RabbitMQ and MariaDB for the tests, each with start, stop and kill. `tests/conftest.py` exports them."""
