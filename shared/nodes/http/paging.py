"""The parameter `paginate`: how a list that comes in pages is asked for."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.net.bodies import MOST_BYTES
from shared.nodes.base import Params
from shared.nodes.data.fields import FieldPath

MAX_PAGES = 1_000
MAX_ITEMS = 1_000_000
_PATH = "Path in the JSON body"
_Place = Annotated[FieldPath, Field(min_length=1)]


class Paginate(Params):
    """Each mode has its own way to the next page; all share the limits."""

    mode: Literal["link", "cursor", "page", "offset"] = Field(
        description="How the next page is found: `link` (a URL in the Link header, or at `next` in the body), `cursor` (a "
        "value at `next` is sent as `parameter`), `page` (a number that counts up) or `offset` (items so far)."
    )
    items: FieldPath = Field(
        "", description=f"{_PATH} to the list of items, such as data.items; empty: the body is it."
    )
    next: _Place | None = Field(None, description=f"{_PATH} to the next cursor or URL, such as meta.nextCursor.")
    parameter: str | None = Field(
        None, description="Name of what is sent: cursor, page or offset unless set.", min_length=1, max_length=200
    )
    place: Literal["query", "body"] = Field(
        "query", description="Where it is sent: the query, or a field of a JSON body."
    )
    start: int | None = Field(None, description="First page (1 unless set) or offset (0 unless set).", ge=0)
    size: int | None = Field(
        None, description="Items of a full page: a shorter one is the last. It is not sent: set it in `query`.", ge=1
    )
    more: _Place | None = Field(None, description=f"{_PATH} to true or false: whether there is another page.")
    max_pages: int = Field(10, description="Most pages that are asked for.", ge=1, le=MAX_PAGES)
    max_items: int = Field(10_000, description="Most items that are kept.", ge=1, le=MAX_ITEMS)
    max_total_bytes: int = Field(4_000_000, description="Most bytes of all pages together.", ge=1, le=MOST_BYTES)
    delay_ms: int = Field(0, description="Pause between two pages, in milliseconds.", ge=0, le=60_000)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode == "cursor" and self.next is None:
            raise ValueError("the mode cursor needs `next`, the path in the body to the next cursor")
        if self.mode in ("page", "offset") and self.next is not None:
            raise ValueError(f"the mode {self.mode} counts by itself: leave `next` out")
        if self.mode == "link" and (self.parameter is not None or self.place == "body"):
            raise ValueError("the mode link asks for the URLs that the server names: leave `parameter` and `place` out")
        if self.mode in ("link", "cursor") and self.start is not None:
            raise ValueError("`start` is for the modes page and offset")
        return self

    @property
    def name(self) -> str:
        """The parameter that is sent."""
        return self.parameter or self.mode

    @property
    def first(self) -> int | None:
        """The number of the first page, or None where the first page has none."""
        if self.mode not in ("page", "offset"):
            return None
        return (1 if self.mode == "page" else 0) if self.start is None else self.start
