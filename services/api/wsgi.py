"""What the web server loads: `gunicorn -k gevent 'services.api.wsgi:create_app()'`."""

from flask import Flask

from services.api import app
from shared import log, metrics
from shared.settings import Settings, get_settings


def create_app(settings: Settings | None = None) -> Flask:
    """The API of this process, with its logs set up and its metrics on the internal port.

    Of several processes one gets that port and answers for all of them; the others go on without.
    """
    settings = settings or get_settings()
    log.configure(settings, "api")
    metrics.serve(settings.metrics_port, settings.metrics_host)
    return app.create_app(settings)
