"""What the web server loads: `gunicorn -k gevent 'services.api.wsgi:create_app()'`."""

from services.api.app import create_app

__all__ = ["create_app"]
