"""`python -m services.standalone.install`: schema, first admin and examples in the database of DATABASE_URL, once."""

import tempfile
from pathlib import Path

from services.standalone.console import say
from services.standalone.prepare import prepare
from shared.settings import get_settings


def main() -> None:
    """Safe to run at every start of the containers. A made-up password is printed once."""
    settings = get_settings()
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare(
            settings, settings.database_url, f"http://127.0.0.1:{settings.port}", Path(folder) / "first-password"
        )
    say(f"The database is ready. The first admin is {prepared.email}.")
    if prepared.password is not None:
        say(f"Password, shown once: {prepared.password}")


if __name__ == "__main__":
    main()
