"""Put the API together: every module in `routes/` has a `blueprint`. Importing connects to nothing."""

from importlib import import_module
from pkgutil import iter_modules

from flask import Flask

from services.api import routes
from services.api.path_ids import install_path_ids
from services.api.publishing import install_outbox
from services.api.vault import install_vault
from shared.auth.signin import SignIn
from shared.settings import Settings, get_settings
from shared.web.database import install_database
from shared.web.guard import install_guard
from shared.web.headers import API_POLICY, install_security_headers
from shared.web.live import install_live
from shared.web.metering import install_metering
from shared.web.problems import install_problems
from shared.web.proxies import install_proxies
from shared.web.unread import install_unread


def create_app(settings: Settings | None = None) -> Flask:
    """The API as a WSGI application, with the process's settings or the given ones. Safe to call before a fork."""
    settings = settings or get_settings()
    app = Flask("flowversal-api", static_folder=None, root_path=__file__.rpartition("/")[0])
    app.config["MAX_CONTENT_LENGTH"] = settings.max_request_bytes
    app.config["SESSION_COOKIE_SECURE"] = settings.cookie_secure
    app.extensions["flowversal-settings"] = settings
    app.extensions["flowversal-signin"] = SignIn()
    app.url_map.strict_slashes = False
    install_path_ids(app)
    install_proxies(app, settings.trusted_proxies)
    install_database(app, settings.database_url)
    install_live(app, settings.redis_url)
    install_outbox(app, settings.broker_url, settings.redis_url)
    install_vault(app, settings)
    install_metering(app)
    install_unread(app)
    install_guard(app)
    install_problems(app)
    install_security_headers(app, API_POLICY)
    for module in iter_modules(routes.__path__):
        app.register_blueprint(import_module(f"{routes.__name__}.{module.name}").blueprint)
    return app
