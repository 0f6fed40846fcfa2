"""`python -m services.standalone`: everything on this machine, until Ctrl-C."""

import sys
import time

from services.standalone.console import say
from services.standalone.folder import DataFolder, FolderError, become_owner
from services.standalone.identity import IdentityError
from services.standalone.run import Start, Stopped
from services.standalone.servers.base import ServerError
from services.standalone.supervisor import StopAsked
from shared.settings import WrongSettings, get_settings


def main() -> int:
    """Run until Ctrl-C or SIGTERM; the exit code: 0 after a stop, 1 when it could not start."""
    began = time.monotonic()
    stop = StopAsked()
    try:
        settings = get_settings()
        become_owner(settings.data_dir)
        folder = DataFolder(settings.data_dir)
        folder.claim()
        Start(settings, folder, stop, began).run()
    except Stopped:
        say("Stopped before it was ready.")
        return 0
    except WrongSettings as error:
        say(f"Flowversal did not start. Correct these settings:\n{error}")
        return 1
    except (FolderError, IdentityError, ServerError, OSError, ValueError) as error:
        say(f"Flowversal did not start. {error}")
        return 1
    say("Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
