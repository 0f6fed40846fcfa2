"""Bring a database to the newest schema. Safe to run twice, at the same time, and under load."""

import sys
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from shared.db.partitions import ensure_partitions
from shared.settings import get_settings

_MIGRATIONS = Path(__file__).parent.parent / "migrations"


def _config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    url = database_url.replace("postgres://", "postgresql://", 1).replace("postgresql://", "postgresql+psycopg://", 1)
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def upgrade(database_url: str) -> None:
    """Run every missing migration and create the partitions of the next weeks."""
    command.upgrade(_config(database_url), "head")
    with psycopg.connect(database_url) as connection:
        ensure_partitions(connection)


def newest_revision() -> str:
    """The revision this code expects."""
    head = ScriptDirectory.from_config(_config("postgresql://unused")).get_current_head()
    if head is None:
        raise RuntimeError("There is no migration at all; the installation is incomplete.")
    return head


if __name__ == "__main__":
    upgrade(get_settings().database_url)
    sys.stdout.write(f"The database is at revision {newest_revision()}.\n")
