"""What the routes of templates answer."""

from typing import Any

from services.api.schemas.base import Answer


class Template(Answer):
    """A workflow to begin with. `needs`: sentences that say what must be chosen before it runs."""

    key: str
    title: str
    about: str
    needs: list[str]
    definition: dict[str, Any]


class TemplatePage(Answer):
    """All of them, at once."""

    items: list[Template]
    next_cursor: None
