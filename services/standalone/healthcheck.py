"""`python -m services.standalone.healthcheck URL`: exit code 0 when the URL answers 200; for container images."""

import sys
import urllib.error
import urllib.request

TIMEOUT_S = 4.0


def answers(url: str) -> bool:
    """Whether a GET of `url` answers 200 within four seconds; no proxy is asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=TIMEOUT_S) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(0 if answers(sys.argv[1]) else 1)
