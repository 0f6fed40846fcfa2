"""How one statement and its parameters are read, for each database."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.databases.rules import refusal
from shared.databases.statement import Dialect, read_statement

DIALECTS: tuple[Dialect, ...] = ("postgres", "mysql", "sqlite")


@pytest.mark.parametrize(
    ("dialect", "sql", "names"),
    [
        ("postgres", "SELECT :a::int, :b, :a", "a b a"),
        ("postgres", "SELECT ':a', \":b\", E'\\':c', $$:d$$, $x$ $$ :e $x$, U&':f'", ""),
        ("postgres", "SELECT 1 -- :a\n, /* :b /* :c */ :d */ :e", "e"),
        ("postgres", "SELECT a[1:2], a[:lo : :hi], b ? 'x', x$y$z", "lo hi"),
        ("postgres", "SELECT '\\', :a", "a"),
        ("mysql", "SELECT '\\':a', \"\\\":b\", `:c`, @x := 5, :d", "d"),
        ("mysql", "SELECT 5--:a, 1 -- :b\n, 2 # :c\n, 3 /* :d */", "a"),
        ("mysql", "SELECT /*+ MAX_EXECUTION_TIME(1) */ :a", "a"),
        ("sqlite", "SELECT ':a', \":b\", `:c`, [:d], :e --:f", "e"),
        ("sqlite", "SELECT '\\', :a", "a"),
        ("sqlite", "SELECT :1, :2, :1 ;\n -- the end\n", "1 2 1"),
    ],
)
def test_parameters_are_found_outside_of_quotes_and_comments(dialect: Dialect, sql: str, names: str) -> None:
    assert list(read_statement(sql, dialect).parameters) == names.split()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_pieces_are_the_text(dialect: Dialect) -> None:
    statement = read_statement("SELECT :a , 'x' /* c */ FROM t WHERE b = :b ; ", dialect)
    assert statement.text(["<1>", "<2>"]).rstrip() == "SELECT <1> , 'x' /* c */ FROM t WHERE b = <2>"
    assert statement.words == ("SELECT", "FROM", "T", "WHERE", "B")
    assert statement.values({"a": 1, "b": 2}) == [1, 2]


@pytest.mark.parametrize(
    ("dialect", "sql", "said"),
    [
        *[(dialect, "SELECT 1; SELECT 2", "one statement") for dialect in DIALECTS],
        *[(dialect, "SELECT 'a", "never closed") for dialect in DIALECTS],
        *[(dialect, "SELECT /* a", "never closed") for dialect in DIALECTS],
        *[(dialect, " ; -- a", "no statement") for dialect in DIALECTS],
        ("postgres", "SELECT $1", ":name"),
        ("postgres", "SELECT /* /* a */", "never closed"),
        ("mysql", "SELECT ?", ":name"),
        ("mysql", "SELECT /*!1*/", "executed"),
        ("sqlite", "SELECT @a", ":name"),
        ("sqlite", "SELECT ?1", ":name"),
    ],
)
def test_what_cannot_be_read_is_refused(dialect: Dialect, sql: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_statement(sql, dialect)


@pytest.mark.parametrize(
    ("sql", "mode", "allowed"),
    [
        ("(SELECT 1)", "read", True),
        ("/* x */ select 1", "read", True),
        ("EXPLAIN SELECT 1", "read", True),
        ("DELETE FROM t", "read", False),
        ("DELETE FROM t", "write", True),
        ("UPDATE t SET a = 1", "write", True),
        ("SET a = 1", "write", False),
        ("COPY t TO PROGRAM 'x'", "write", False),
    ],
)
def test_what_may_be_sent(sql: str, mode: str, *, allowed: bool) -> None:
    found = refusal(read_statement(sql, "postgres"), "postgres", write=mode == "write")
    assert (found is None) == allowed


@pytest.mark.parametrize(
    ("word", "meant"), [("SELEC", "SELECT"), ("selct", "SELECT"), ("WTH", "WITH"), ("EXPLAN", "EXPLAIN")]
)
def test_a_mistyped_word_is_no_advice_to_write(word: str, meant: str) -> None:
    found = refusal(read_statement(f"{word} 1", "postgres"), "postgres", write=False)
    assert found == f"{word.upper()} is not a statement that reads: write {meant}"


@pytest.mark.parametrize(
    "word",
    [
        "INSERT",
        "UPDATE",
        "DELETE",
        "REPLACE",
        "MERGE",
        "TRUNCATE",
        "CREATE",
        "DROP",
        "ALTER",
        "GRANT",
        "CALL",
        "DO",
        "ANALYZE",
    ],
)
def test_what_changes_something_needs_the_mode(word: str) -> None:
    found = refusal(read_statement(f"{word} x", "postgres"), "postgres", write=False)
    assert found == f'{word} is not a statement that reads: set `mode` to "write" to change something'


@given(st.text(alphabet="aE1:;'\"`[]$/*-# \n\\?@{}!M", max_size=60), st.sampled_from(DIALECTS))
def test_any_text_is_read_or_refused_and_nothing_of_it_is_lost(sql: str, dialect: Dialect) -> None:
    try:
        statement = read_statement(sql, dialect)
    except ValueError:
        return
    assert statement.text([f":{name}" for name in statement.parameters]).replace(";", "") == sql.replace(";", "")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("part", ["'", "''", "/*", "$a$", '"', "(", ":a", "[", "\\", "-- \n"])
def test_long_texts_take_no_time(dialect: Dialect, part: str) -> None:
    with contextlib.suppress(ValueError):
        read_statement("SELECT " + part * 30_000, dialect)
