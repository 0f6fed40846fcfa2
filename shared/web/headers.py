"""Security headers on every answer, and the nonce of this request's Content-Security-Policy."""

from secrets import token_urlsafe

from flask import Flask, g
from werkzeug.wrappers import Response

# An API answer is never a page: nothing may be loaded or framed.
API_POLICY = "default-src 'none'; frame-ancestors 'none'"

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def csp_nonce() -> str:
    """The nonce of this request, for `<script nonce>` and `<style nonce>`."""
    if "csp_nonce" not in g:
        g.csp_nonce = token_urlsafe(16)
    return str(g.csp_nonce)


def install_security_headers(app: Flask, policy: str, *, cache_control: str = "no-store") -> None:
    """Put the headers on every answer that does not set its own; `{nonce}` becomes the request's nonce."""

    @app.after_request
    def secure(response: Response) -> Response:
        for name, value in _ALWAYS.items():
            response.headers.setdefault(name, value)
        value = policy.format(nonce=csp_nonce()) if "{nonce}" in policy else policy
        response.headers.setdefault("Content-Security-Policy", value)
        response.headers.setdefault("Cache-Control", cache_control)
        if app.config.get("SESSION_COOKIE_SECURE"):
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        return response
