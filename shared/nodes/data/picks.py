"""What to take out of a page: a row of `parse.html`."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Pick(BaseModel):
    """One value of a page, or of each of its parts."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    selector: str = Field("", description="CSS selector; without it the part itself.", max_length=500)
    take: Literal["text", "html", "attribute"] = Field("text", description="What of the element.")
    attribute: str | None = Field(None, description="Its attribute, with `take: attribute`.", max_length=200)
    many: bool = Field(False, description="A list of all that fit, rather than the first or null.")

    @model_validator(mode="after")
    def _names_its_attribute(self) -> Self:
        if (self.take == "attribute") != (self.attribute is not None):
            raise ValueError("`take: attribute` and `attribute` belong together")
        return self
