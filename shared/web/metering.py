"""Count and time every request by its route, never by its address (ids would make a series each)."""

from time import perf_counter

from flask import Flask, g, request
from werkzeug.wrappers import Response

from shared.metrics import HTTP_DURATION, HTTP_REQUESTS

UNKNOWN = "unknown"


def install_metering(app: Flask) -> None:
    """Fill the HTTP metrics. Install it before what may answer early, such as the guard."""

    @app.before_request
    def begin() -> None:
        g.began = perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule is not None else UNKNOWN
        HTTP_REQUESTS.labels(request.method, route, str(response.status_code)).inc()
        if response.mimetype != "text/event-stream" and "began" in g:
            HTTP_DURATION.labels(request.method, route).observe(perf_counter() - g.began)
        return response
