"""Real Postgres, Valkey and RabbitMQ for the tests, each with start, stop and kill. `tests/conftest.py` exports them."""
