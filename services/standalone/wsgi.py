"""API and dashboard in one web server, told apart by the path as a reverse proxy would do it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from services.api.app import create_app as create_api
from services.dashboard.app import create_app as create_dashboard

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

API_PATHS = ("/api", "/hooks", "/healthz", "/readyz")


def belongs_to_api(path: str) -> bool:
    """Whether the API answers `path`; everything else is the dashboard's."""
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in API_PATHS)


def create_app() -> "WSGIApplication":
    """Both applications behind one. SCRIPT_NAME stays as it is, so each sees the whole path."""
    api, dashboard = create_api(), create_dashboard()

    def dispatch(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        chosen = api if belongs_to_api(environ.get("PATH_INFO", "")) else dashboard
        return chosen(environ, start_response)

    return dispatch
