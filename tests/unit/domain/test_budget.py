"""Budgets as values: of a definition, and the sentences about them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from shared.domain.ai_call import AiCall, clean_name, to_nano
from shared.domain.budget import Limit, Standing, dollars, whose
from shared.domain.compiler import compile_definition
from shared.domain.errors import InvalidDefinition
from shared.nodes.catalogue import node_types
from tests.factories import chain


def compiled(budget: Any) -> Limit | None:
    return compile_definition(chain(1) | {"settings": {"budget": budget}}, node_types()).budget


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (None, None),
        ({"maxTokens": 5}, Limit(5)),
        ({"maxCostUsd": 0.1}, Limit(None, 100_000_000)),
        ({"maxTokens": 5, "maxCostUsd": 2}, Limit(5, 2_000_000_000)),
    ],
)
def test_a_definition_may_have_a_budget(budget: Any, limit: Limit | None) -> None:
    assert compiled(budget) == limit


@pytest.mark.parametrize(
    ("budget", "path"),
    [
        ({}, "settings.budget"),
        (5, "settings.budget"),
        ({"maxTokens": 0}, "settings.budget.maxTokens"),
        ({"maxCostUsd": -1}, "settings.budget.maxCostUsd"),
        ({"maxCostUsd": "1"}, "settings.budget.maxCostUsd"),
        ({"maxCostUsd": True}, "settings.budget.maxCostUsd"),
        ({"maxCostUsd": 1e-12}, "settings.budget.maxCostUsd"),
        ({"maxTokens": 1, "tokens": 1}, "settings.budget.tokens"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(budget: Any, path: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        compiled(budget)
    assert caught.value.problems[0].path == path


def test_the_sentence_says_which_how_much_and_when_anew() -> None:
    ends_at = datetime(2027, 1, 1, tzinfo=UTC)
    standing = Standing("workflow", "month", Limit(1_000, 5), 12_345, 4, ends_at)
    assert standing.why_not() == (
        "The budget of the workflow for this month is used up: 12,345 of 1,000 tokens."
        " It starts anew at 2027-01-01 00:00 UTC; or let it be raised."
    )
    assert Standing("user", "day", Limit(1_000, 5), 999, 4, ends_at).why_not() is None


@pytest.mark.parametrize(("nano", "text"), [(0, "$0.00"), (1, "$0.000000001"), (1_230_000_000_000, "$1,230.00")])
def test_money_is_written_exactly(nano: int, text: str) -> None:
    assert dollars(nano) == text


def test_names_and_amounts_from_outside() -> None:
    assert clean_name("m\x00\ud800é" + "x" * 500) == "m???" + "x" * 196
    assert clean_name(5) == ""
    assert to_nano(Decimal("0.0000000015")) == 2
    assert [to_nano(Decimal(text)) for text in ("-1", "NaN", "Infinity", "1e30")] == [None] * 4
    assert AiCall(1, "p", "m", None, 5).tokens == 5


@pytest.mark.parametrize("scope", ["run", "workflow", "user"])
def test_the_sentence_says_whose_budget_it_is(scope: str) -> None:
    why = Standing(scope, "day", Limit(5), 5, 0, None if scope == "run" else datetime.now(UTC)).why_not()
    assert why is not None
    assert whose(why) == scope
    assert whose(why.lower()) is None
    assert whose("of the workflow for this day") is None
