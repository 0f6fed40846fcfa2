"""The API as it is served, but it gives up a body that does not come after a second, so that a test need not wait for ten."""

from services.api.hooks import call
from services.api.wsgi import create_app

__all__ = ["create_app"]

call._PATIENCE_S = 1.0
