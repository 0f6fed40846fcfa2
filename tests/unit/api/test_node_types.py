"""What the API says of node types keeps to its schema and to their classes."""

from services.api.routes.node_types import _every
from services.api.schemas.people import NodeTypeAnswer


def test_no_title_of_a_parameter_is_one_long_word() -> None:
    titles = {
        name: part["title"]
        for shape in _every()
        for model in (shape["params"], *shape["params"].get("$defs", {}).values())
        for name, part in model.get("properties", {}).items()
        if "title" in part
    }
    assert (titles["maxRows"], titles["timeoutMs"], titles["url"]) == ("Max rows", "Timeout ms", "URL")
    assert not [name for name, title in titles.items() if name != name.lower() and name.lower() == title.lower()]


def test_each_says_how_often_and_how_long_it_is_tried() -> None:
    found = {shape["type"]: NodeTypeAnswer.model_validate(shape) for shape in _every()}
    assert found["ai.chat"].default_retry.max_attempts == 3
    assert found["webhook.call"].default_retry.max_attempts == 5
    assert found["http.request"].default_retry.max_attempts == 1
    assert found["http.request"].default_timeout_ms == 300_000
