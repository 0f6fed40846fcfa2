"""`example.slug`: makes the part of an address of a title."""

import re
import unicodedata
from typing import Any, ClassVar

from pydantic import Field

from shared.nodes.base import Context, Done, NodeError, NodeType, Params


class SlugParams(Params):
    """The title, and how long the slug may be."""

    text: str = Field(description="The title.", max_length=10_000)
    max_length: int = Field(80, description="The most characters.", ge=1, le=500)


class Slug(NodeType):
    """Letters lose their accents; everything but letters and digits becomes a hyphen."""

    type = "example.slug"
    label = "Slug"
    help = "Turn a title into a part of an address, such as my-first-post."
    icon = "type"
    category = "data"
    # It touches nothing but its parameters and takes no time; a node that awaits something leaves this out.
    pure = True
    params = SlugParams
    example: ClassVar[dict[str, Any]] = {"text": "My first post"}
    examples: ClassVar[list[dict[str, Any]]] = [
        {"title": "Accents and signs", "params": {"text": "Élan & Café, 2030!"}, "output": "elan-cafe-2030"}
    ]
    error_codes: ClassVar[dict[str, str]] = {"NO_SLUG": "The title has neither a letter nor a digit."}

    async def run(self, ctx: Context, params: SlugParams) -> Done:
        """The slug. Raises NO_SLUG."""
        plain = unicodedata.normalize("NFKD", params.text).encode("ascii", "ignore").decode()
        slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[: params.max_length].rstrip("-")
        if not slug:
            raise NodeError("NO_SLUG", "The title has neither a letter nor a digit: give another one.")
        ctx.log("debug", "made a slug", characters=len(slug))
        return Done(slug)
