"""One real API process under gunicorn with gevent, and one real worker, over the test's servers."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from services.standalone.ports import free_port

ROOT = Path(__file__).parents[3]
START_S = 30.0
API = "services.api.wsgi:create_app()"


@contextmanager
def process(arguments: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A child process of ours; ended by SIGTERM, its output in `log`."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield child
        finally:
            child.terminate()
            child.wait(timeout=20)


@contextmanager
def api(environment: dict[str, str], log: Path, served: str = API) -> Iterator[str]:
    """A serving API; its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    arguments = ["-m", "gunicorn", "--no-control-socket", "-k", "gevent", "-w", "1", "-b", f"127.0.0.1:{port}"]
    with process([*arguments, served], environment, log) as child:
        ends = time.monotonic() + START_S
        while not _alive(address):
            assert child.poll() is None, log.read_text()
            assert time.monotonic() < ends, log.read_text()
        yield address


def _alive(address: str) -> bool:
    try:
        with urlopen(f"{address}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def worker(environment: dict[str, str], log: Path) -> Iterator[None]:
    """A working worker."""
    with process(["-m", "services.worker"], environment, log):
        yield
