"""How values read."""

import pytest
from flask import Flask

from services.dashboard import filters
from services.dashboard.pretty import pretty_json
from shared.nodes.catalogue import node_types


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "–"),
        (0, "0 ms"),
        (412, "412 ms"),
        (1_800, "1.8 s"),
        (12_400, "12.4 s"),
        (59_949, "59.9 s"),
        (59_950, "1 min"),
        (123_000, "2 min 3 s"),
        (11_520_000, "3 h 12 min"),
        (187_200_000, "2 d 4 h"),
    ],
)
def test_durations_read_as_people_say_them(ms: int | None, text: str):
    assert filters.duration(ms) == text


def test_numbers_have_thin_separators():
    assert filters.number(12_480) == "12\u202f480"
    assert filters.number(None) == "–"
    assert filters.plural(1, "run") == "1 run"
    assert filters.plural(3, "run") == "3 runs"
    assert filters.percent(0.667) == "67\u202f%"


def test_moments_read_relative_and_exact():
    now = filters.now_ms()
    assert filters.ago(now) == "just now"
    assert filters.ago(now - 125_000) == "2 min ago"
    assert filters.exact(1_795_433_713_409) == "2026-11-23 11:35:13 UTC"
    assert filters.zoned(1_795_433_713_409, "Europe/Berlin") == "Mon 23 Nov 2026 12:35:13 CET"
    assert filters.clock(1_795_433_713_409) == "11:35:13.409"


def test_json_is_escaped_coloured_and_cut():
    shown = pretty_json({"<b>": "</pre>", "n": 1})
    assert "<b>" not in shown.markup
    assert '<span class="k">&#34;&lt;b&gt;&#34;</span>' in shown.markup
    assert '<span class="n">1</span>' in shown.markup
    assert shown.left_out == 0
    assert pretty_json("x" * 100, limit=10).left_out == 92


def test_words_in_backticks_are_code_and_the_rest_is_escaped():
    assert filters.ticks("`a<b` & c") == "<code>a&lt;b</code> &amp; c"
    assert filters.ticks("none") == "none"
    assert filters.ticks("`a` is a`b>") == "<code>a</code> is a`b&gt;"


def test_types_of_others_have_an_icon_too():
    assert filters.drawn("mail", "key") == "mail"
    assert filters.drawn("made-up", "key") == "key"
    assert filters.drawn("made-up") == "box"


def test_every_node_type_has_an_icon_that_can_be_drawn():
    app = Flask("services.dashboard")
    filters.install_filters(app)
    icons = app.jinja_env.globals["node_icons"]
    assert icons.keys() == node_types().keys()
    assert (icons["code"], icons["http.request"]) == ("code", "globe")
