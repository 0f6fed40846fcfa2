"""Files as JSON values: what one node gives out, another takes in."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.nodes.files import FileValue, file_value, is_file


def test_what_is_given_out_is_taken_in() -> None:
    value = file_value(b"\x00\xffabc", "application/pdf", "a b.pdf")
    found = FileValue.model_validate(value)
    assert is_file(value)
    assert (found.content, found.content_type, found.name) == (b"\x00\xffabc", "application/pdf", "a b.pdf")


def test_only_the_content_is_needed() -> None:
    found = FileValue.model_validate({"base64": "YWJj\nZGVm", "contentType": ""})
    assert (found.content, found.content_type, found.name) == (b"abcdef", "application/octet-stream", None)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"base64": "YQ"}, "not valid base64"),
        ({"base64": "Y*Q="}, "not valid base64"),
        ({"base64": "ü"}, "not valid base64"),
        ({"base64": "YQ==", "bytes": 2}, "has 1 bytes"),
        ({"base64": "YQ==", "contentType": "a/b\r\nx: y"}, "media type"),
        ({"base64": "YQ==", "contentType": "text"}, "media type"),
        ({"base64": "YQ==", "name": "../x"}, "no slashes"),
        ({"base64": "YQ==", "name": "a\nb"}, "no slashes"),
        ({"base64": "YQ==", "name": ""}, "at least 1"),
        ({"contentType": "text/plain"}, "Field required"),
        ({"base64": "YQ==", "other": 1}, "Extra inputs"),
    ],
)
def test_what_is_no_file_is_refused_without_its_content(value: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        FileValue.model_validate(value)
    assert says in str(caught.value)
    assert "YQ" not in str(caught.value)


@pytest.mark.parametrize("value", [None, "YQ==", {}, {"contentType": "a/b"}, {"base64": "YQ==", "id": 5}, ["base64"]])
def test_what_is_not_meant_as_a_file(value: Any) -> None:
    assert not is_file(value)
