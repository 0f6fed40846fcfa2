"""Postgres, Valkey and RabbitMQ as private child processes: own folder, own password, own port on 127.0.0.1."""
