"""Forms with files, read back by another implementation."""

from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import pytest

from shared.nodes.files import file_value
from shared.nodes.http.content import content, file_bytes
from shared.nodes.http.multipart import multipart, parts


def read(body: bytes, kind: bytes) -> list[tuple[Any, Any, str, bytes]]:
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind + b"\r\n\r\n" + body)
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()  # type: ignore[attr-defined]
    ]


def test_fields_and_files_arrive_in_order() -> None:
    fields = {
        "title": "héllo\r\n--x",
        "none": None,
        "many": [1, True],
        "file": file_value(b"\x00\r\n--\xff", "application/pdf", "a b.pdf"),
        "files": [file_value(b"1", "text/plain"), file_value(b"2", "")],
    }
    body, kind = content(fields, "multipart")
    assert body is not None
    assert kind is not None
    assert read(body, kind) == [
        ("title", None, "text/plain", "héllo\r\n--x".encode()),
        ("many", None, "text/plain", b"1"),
        ("many", None, "text/plain", b"true"),
        ("file", "a b.pdf", "application/pdf", b"\x00\r\n--\xff"),
        ("files", "file", "text/plain", b"1"),
        ("files", "file", "application/octet-stream", b"2"),
    ]


def test_names_cannot_break_out_of_their_line() -> None:
    fields = {'a"\r\nX-Evil: 1\r\n\r\n': "x", "f": file_value(b"1", "text/plain", 'b".txt')}
    body, kind = multipart(parts(fields), "edge")
    assert b"\r\nX-Evil" not in body
    assert b'name="a%22%0D%0AX-Evil: 1%0D%0A%0D%0A"' in body
    assert b'filename="b%22.txt"' in body
    assert kind == b"multipart/form-data; boundary=edge"


def test_no_fields_are_an_empty_form() -> None:
    assert multipart([], "edge")[0] == b"--edge--\r\n"


def test_each_body_has_a_boundary_of_its_own() -> None:
    assert multipart([])[1] != multipart([])[1]


@pytest.mark.parametrize("value", [{"a": {"b": 1}}, {"a": [[1]]}, {"a": {"base64": "?"}}])
def test_what_is_neither_a_field_nor_a_file(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        parts(value)


def test_how_much_memory_files_take() -> None:
    one = file_value(b"x" * 300, "text/plain")
    assert file_bytes(one, "file") == 400
    assert file_bytes({"a": one, "b": [one, 1], "c": "x"}, "multipart") == 800
    assert file_bytes({"a": one}, "json") == file_bytes(None, "multipart") == 0
