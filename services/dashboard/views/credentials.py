"""Credentials: list, new, one. The pages only show; everything is written, tried and deleted through the API."""

from flask import Blueprint, render_template, request

from services.dashboard.vaulted import form_context, list_context, one_context
from shared.auth.access import Action
from shared.credentials.catalogue import credential_types
from shared.web.guard import requires

blueprint = Blueprint("credentials", __name__, url_prefix="/credentials")
_MAX_NAME = 100


@blueprint.get("")
@requires(Action.CREDENTIAL_READ)
def page() -> str:
    """Own and shared credentials, newest first; for admins everybody's."""
    return render_template("credentials.html", **list_context(request.args))


@blueprint.get("/new")
@requires(Action.CREDENTIAL_WRITE)
def new() -> str:
    """The types to choose from, or the form of `?type=`."""
    asked = request.args.get("type", "")[:_MAX_NAME]
    kind = credential_types().get(asked)
    if kind is None:
        return render_template("credential_types.html", types=credential_types().values(), asked=asked)
    return render_template("credential.html", **form_context(kind), credential=None, own=True)


@blueprint.get("/<credential_id>")
@requires(Action.CREDENTIAL_READ)
def one(credential_id: str) -> str:
    """One credential: its form without what is secret, who uses it, and deleting it."""
    return render_template("credential.html", **one_context(credential_id))
