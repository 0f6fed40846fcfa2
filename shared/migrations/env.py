"""Alembic's entry: one transaction, an advisory lock against a second migrator, and short lock waits."""

from alembic import context
from sqlalchemy import create_engine, pool, text

LOCK = 0x666C6F77


def run() -> None:
    """Apply the migrations over a connection of our own, or over the one that the caller handed in."""
    url = context.config.get_main_option("sqlalchemy.url")
    if url is None:
        raise RuntimeError("No database URL: start migrations through shared.db.migrate.upgrade().")
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, transaction_per_migration=False)
        with context.begin_transaction():
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            connection.execute(text("SET LOCAL lock_timeout = '4s'"))
            context.run_migrations()


run()
