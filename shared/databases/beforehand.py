"""What is wrong with a query before anybody knows which database it goes to. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from shared.databases.rules import refusal
from shared.databases.statement import Dialect, read_statement

Values = Mapping[str, Any] | Sequence[Any]


def never_sent(sql: str, values: Values | None, *, write: bool) -> str | None:
    """Why no database at all would be sent it; None if one might. `values` is None where their names are not known yet."""
    reasons = [_reason(sql, dialect, values, write=write) for dialect in get_args(Dialect)]
    return reasons[0] if all(reasons) else None


def _reason(sql: str, dialect: Dialect, values: Values | None, *, write: bool) -> str | None:
    try:
        statement = read_statement(sql, dialect)
        if values is not None:
            statement.values(values)
    except ValueError as error:
        return str(error)
    return refusal(statement, dialect, write=write)
