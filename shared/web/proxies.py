"""Behind reverse proxies: who calls, as the outermost of our own proxies saw it."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix


def install_proxies(app: Flask, trusted: int) -> None:
    """Take the caller's address and scheme from the entries that the last `trusted` proxies added; 0: from the connection.

    What stands before those entries came from the caller, who may write there what they like.
    """
    if trusted:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=trusted, x_proto=trusted, x_host=0)  # type: ignore[method-assign]
