"""Asks in the background until a URL answers."""

import time
import urllib.error
import urllib.request
from threading import Event, Thread

TIMEOUT_S = 5.0
PAUSE_S = 0.1


class Probe:
    """One thread that ends with the first answer of 200, or with the process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._answered = Event()
        Thread(target=self._run, name="probe", daemon=True).start()

    def succeeded(self) -> bool:
        """Whether the URL has answered 200."""
        return self._answered.is_set()

    def _run(self) -> None:
        # No proxy of the environment stands between us and our own port.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            try:
                with opener.open(self._url, timeout=TIMEOUT_S):
                    self._answered.set()
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(PAUSE_S)
