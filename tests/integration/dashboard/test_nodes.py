"""The pages of the node types: everything that a type says of itself is there, for everybody who sees workflows."""

import html
import json
import re
from collections.abc import Callable

from flask.testing import FlaskClient

from services.dashboard.node_help import by_category, example_node
from shared.nodes.catalogue import node_types

Person = Callable[[str], FlaskClient]


def plain(page: str) -> str:
    """The text of a page without its tags and spaces."""
    return close(html.unescape(re.sub(r"<[^>]+>", "", page)))


def close(text: str) -> str:
    """Without spaces."""
    return re.sub(r"\s", "", text)


def test_every_type_is_listed_and_has_its_page(person: Person) -> None:
    viewer = person("viewer")
    listed = viewer.get("/nodes").text
    for type in node_types().values():
        assert f'href="/nodes/{type.type}"' in listed
        text = plain(viewer.get(f"/nodes/{type.type}").text)
        assert close(json.dumps(example_node(type), ensure_ascii=False)) in text
        for code in type.error_codes:
            assert code in text, (type.type, code)
        for name in type.params.model_json_schema()["properties"]:
            assert name in text, (type.type, name)
        for example in type.examples:
            assert close(example["title"]) in text
            assert close(json.dumps(example["output"], ensure_ascii=False)) in text


def test_a_type_that_is_not_there(person: Person) -> None:
    assert person("viewer").get("/nodes/teleport").status_code == 404


def test_categories_come_in_the_order_of_use() -> None:
    assert list(by_category(node_types().values()))[:4] == ["Actions", "AI", "Logic", "Data"]


def test_what_a_parameter_may_be(person: Person) -> None:
    text = plain(person("viewer").get("/nodes/http.request").text)
    assert "methodGETorPOSTorPUT" in text
    assert 'default"GET"' in text
