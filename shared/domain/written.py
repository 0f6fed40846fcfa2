"""What people write as JSON, in a definition or a credential. Pure."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from shared.domain.labels import title_of


class Written(BaseModel):
    """Base of its models: camelCase names, unknown names refused, nothing of a value in an error."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        field_title_generator=title_of,
        validate_by_name=False,
        hide_input_in_errors=True,
    )
