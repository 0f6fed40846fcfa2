"""The dashboard as a Flask application: pages and HTML event streams. Composes; the pages are in `views/`."""

from importlib import import_module
from pkgutil import iter_modules

from flask import Flask, Response, request

from services.dashboard import live, views
from services.dashboard.assets import install_assets
from services.dashboard.context import install_context, to_sign_in
from services.dashboard.errors import install_error_pages
from services.dashboard.filters import install_filters
from shared.auth.access import Action
from shared.settings import Settings, get_settings
from shared.vault.keyring import VaultLocked, keyring_of
from shared.web.broker import install_broker_probe
from shared.web.database import install_database
from shared.web.guard import install_guard, requires
from shared.web.headers import install_security_headers
from shared.web.live import install_live
from shared.web.proxies import install_proxies

POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
)
_YEAR_S = 31_536_000


def create_app(settings: Settings | None = None) -> Flask:
    """The application. Connects to nothing until the first request."""
    chosen = settings or get_settings()
    app = Flask(__name__)
    app.config["SESSION_COOKIE_SECURE"] = chosen.cookie_secure
    app.config["MAX_CONTENT_LENGTH"] = 64_000
    app.config["BASE_URL"] = chosen.base_url
    app.config["VAULT_HAS_KEY"] = _has_key(chosen)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    install_proxies(app, chosen.trusted_proxies)
    install_database(app, chosen.database_url)
    install_live(app, chosen.redis_url)
    install_broker_probe(app, chosen.broker_url)
    # Flask runs what is registered last first: static files keep their own caching.
    install_security_headers(app, POLICY)
    _cache_built_files(app)
    install_guard(app, on_unauthenticated=to_sign_in)
    install_error_pages(app)
    install_assets(app)
    install_filters(app)
    install_context(app)
    for module in iter_modules(views.__path__, f"{views.__name__}."):
        app.register_blueprint(import_module(module.name).blueprint)
    app.register_blueprint(live.blueprint)
    return app


def _has_key(settings: Settings) -> bool:
    """Whether credentials can be kept at all. Raises ValueError for what is no key."""
    try:
        return bool(keyring_of(settings).first)
    except VaultLocked:
        return False


def _cache_built_files(app: Flask) -> None:
    """Built files carry a hash in their name and never change."""
    app.view_functions["static"] = requires(Action.PUBLIC)(app.view_functions["static"])

    @app.after_request
    def keep(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code == 200:
            response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable"
        return response
