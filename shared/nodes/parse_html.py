"""`parse.html`: values out of a page, by CSS selectors."""

from collections.abc import Iterable
from typing import Any, ClassVar

from pydantic import Field

from shared.nodes.base import Context, Done, NodeType, Params
from shared.nodes.data.limits import TOO_LARGE_CODE
from shared.nodes.data.picks import Pick
from shared.nodes.data.threads import computed

MOST_HTML = 5_000_000


class ParseHtmlParams(Params):
    """The page, its parts, and what to take of them."""

    html: str = Field(description="The page, or a part of one.", max_length=MOST_HTML)
    each: str | None = Field(
        None,
        description="CSS selector of the parts that become items, such as `table tr`; without it the page gives one object.",
        min_length=1,
        max_length=500,
    )
    fields: dict[str, Pick] = Field(
        description="Name of each value, and where it is: `selector`, `take` (text, html, attribute), `many`.",
        min_length=1,
        max_length=100,
    )


class ParseHtml(NodeType):
    """Scripts are not run. Text has its spaces made single, as a browser shows it."""

    type = "parse.html"
    label = "Parse HTML"
    help = "Take texts, attributes or lists out of a page with CSS selectors."
    icon = "code"
    category = "data"
    params = ParseHtmlParams
    example: ClassVar[dict[str, Any]] = {
        "html": "<h1>News</h1><p>All is well.</p>",
        "fields": {"title": {"selector": "h1"}, "paragraphs": {"selector": "p", "many": True}},
    }
    examples: ClassVar[list[dict[str, Any]]] = [
        {
            "title": "A table as a list",
            "params": {
                "html": "<table><tr><td>Tea</td><td><a href='/tea'>2.50</a></td></tr>"
                "<tr><td>Milk</td><td>1.10</td></tr></table>",
                "each": "tr",
                "fields": {
                    "name": {"selector": "td"},
                    "price": {"selector": "td:nth-child(2)"},
                    "link": {"selector": "a", "take": "attribute", "attribute": "href"},
                },
            },
            "output": [
                {"name": "Tea", "price": "2.50", "link": "/tea"},
                {"name": "Milk", "price": "1.10", "link": None},
            ],
        }
    ]
    error_codes: ClassVar[dict[str, str]] = {
        "INVALID_SELECTOR": "A text is no CSS selector.",
        "HTML_TOO_COMPLEX": "The page nests its elements too deep, or leaves too many open.",
    } | TOO_LARGE_CODE

    def check(self, params: dict[str, Any]) -> Iterable[tuple[str, str]]:
        """Selectors are fixed: a page must not choose them."""
        if isinstance(params.get("fields"), str):
            yield "fields", "write the fields out: name and selector of each"

    async def run(self, ctx: Context, params: ParseHtmlParams) -> Done:
        """One object, or a list of them. Raises INVALID_SELECTOR, HTML_TOO_COMPLEX, PAYLOAD_TOO_LARGE."""
        from shared.nodes.data.html_values import values_of  # noqa: PLC0415 - 60 ms, for those who need it

        return Done(await computed(ctx, len(params.html), lambda: values_of(params.html, params.each, params.fields)))
