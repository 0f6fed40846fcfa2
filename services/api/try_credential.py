"""`python -m services.api.try_credential`: try the credential on standard input, say what came of it, end within its limit.

In: `{type, fields, hosts, settings, limitS}`. Out: one line, `{ok, message}`.
"""

import asyncio
import os
import sys
import threading
from typing import Any

import orjson

from shared.credentials.base import Credential
from shared.credentials.catalogue import credential_types
from shared.domain.errors import NodeError
from shared.net.client import make_network
from shared.settings import Settings


def main() -> None:
    """Whatever the type's test prints goes to standard error."""
    out = os.dup(1)
    os.dup2(2, 1)
    given = orjson.loads(sys.stdin.buffer.read())
    _say(out, *_try(given, out))


def _try(given: dict[str, Any], out: int) -> tuple[bool, str]:
    kind = credential_types()[given["type"]]
    fields = kind.fields.model_validate(given["fields"])
    settings = Settings.model_validate(given["settings"])
    secret = Credential("", kind.type, fields, tuple(given["hosts"]))

    async def run() -> str:
        network = make_network(settings, check_host=secret.check_host)
        # Also what blocks the loop, or a thread that a library left behind, ends then.
        threading.Timer(given["limitS"], _say, (out, False, _slow(given["limitS"]))).start()
        try:
            return await kind.test(network, fields)
        finally:
            await network.close()

    try:
        return True, asyncio.run(run())
    except NodeError as error:
        return False, error.message
    except TimeoutError:
        return False, _slow(given["limitS"])
    except Exception as error:  # noqa: BLE001 - third-party types may raise anything
        return False, f"The test raised {type(error).__name__}; this is a fault of the credential type {kind.type!r}."


def _slow(limit_s: float) -> str:
    return f"There was no answer within {limit_s:g} s. Check host, port and firewall."


def _say(out: int, ok: bool, message: str) -> None:  # noqa: FBT001 - called by a timer too
    """The answer, and the end."""
    os.write(out, orjson.dumps({"ok": ok, "message": message}))
    os._exit(0)


if __name__ == "__main__":
    main()
