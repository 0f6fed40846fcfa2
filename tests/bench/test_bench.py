"""Every load of `make bench`, tiny: it comes through, everything it accepts succeeds, and no figure is missing."""

import json
from pathlib import Path

import pytest

from tests.bench.__main__ import LOADS, chosen, measure, parser
from tests.bench.figures import Load, at_least, at_most, table, write
from tests.bench.servers import Urls


@pytest.mark.parametrize("kind", LOADS, ids=lambda kind: kind.id)
@pytest.mark.timeout(300)
def test_a_load_measures_what_its_table_shows(
    kind: type[Load], database_url: str, amqp_url: str, redis_url: str, tmp_path: Path
) -> None:
    load = kind.small()
    measured = measure(load, Urls(database_url, amqp_url, redis_url))
    assert len(measured) == load.rounds
    for each in measured:
        assert each.figures.keys() == {row.figure for row in load.rows}
        assert all(each.figures[row.figure] > 0 for row in load.rows if row.wanted is not None and row.wanted.least)
    lines = table(load, measured).splitlines()
    assert all(row.text in line for row, line in zip(load.rows, lines, strict=False))
    written = json.loads(write(load, measured, tmp_path).read_text())
    assert written["medians"].keys() == measured[0].figures.keys()
    assert len(written["rounds"]) == load.rounds


def test_the_command_line_chooses_loads_and_their_sizes() -> None:
    assert [load.id for load in chosen(parser().parse_args([]))] == [kind.id for kind in LOADS]
    given = ["--only", "p7,P8", "--queued", "100000", "--backlog", "1000000", "--rounds", "2"]
    overload, backlog = chosen(parser().parse_args(given))
    assert (overload.queued, overload.rounds) == (100_000, 2)
    assert (backlog.steps, backlog.rounds) == (1_000_000, 2)
    with pytest.raises(SystemExit, match="P99"):
        chosen(parser().parse_args(["--only", "P99"]))


def test_a_bound_is_met_on_its_side() -> None:
    assert at_least(240).met(240)
    assert not at_least(240).met(239)
    assert at_most(5).met(5)
    assert not at_most(5).met(5.1)
    assert str(at_most(90)) == "≤ 90"
