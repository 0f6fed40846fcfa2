"""`db.query`: asks a database one thing."""

import time
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from shared.credentials.base import CREDENTIAL_CODES
from shared.credentials.sqlite import SqliteFields
from shared.databases.ask import Target, ask
from shared.databases.beforehand import never_sent
from shared.databases.request import CODES, Request
from shared.databases.sqlite_file import allowed_file
from shared.databases.statement import MAX_CHARACTERS
from shared.net.resolve import ADDRESS_CODES
from shared.net.sockets import resolved
from shared.nodes.base import Context, Credential, CredentialOf, Done, NodeError, NodeType, Params

MOST_ROWS = 100_000
MOST_BYTES = 50_000_000
# An answer up to here needs no room of its own in the worker's memory.
_USUAL_BYTES = 4_000_000
_LITERAL = (
    "the query is fixed text: write :name where a value belongs, and give the value in `params`, as in "
    'params: {"name": "{{ input.name }}"}'
)


def _no_expression(text: str) -> str:
    if "{{" in text:
        raise ValueError(_LITERAL)
    return text


class DbQueryParams(Params):
    """What to ask, and how much of the answer to take."""

    credential: Annotated[str, CredentialOf("postgres", "mysql", "sqlite")] = Field(description="The database.")
    query: Annotated[str, AfterValidator(_no_expression)] = Field(
        description="One SQL statement, without expressions: write :name for a value of `params`.",
        min_length=1,
        max_length=MAX_CHARACTERS,
        json_schema_extra={"format": "sql"},
    )
    params: dict[str, Any] | list[Any] = Field(
        default_factory=dict,
        description="Values by name for :name, or a list for :1, :2, …; they never become part of the statement.",
        max_length=1_000,
    )
    mode: Literal["read", "write"] = Field(
        "read", description="`read` refuses every change, `write` commits what the statement did."
    )
    max_rows: int = Field(1_000, description="Most rows that are taken; more are cut off.", ge=1, le=MOST_ROWS)
    max_bytes: int = Field(
        _USUAL_BYTES, description="Most bytes that are taken; more rows are cut off.", ge=1_000, le=MOST_BYTES
    )
    timeout_ms: int = Field(
        30_000, description="Most time for all of it, in milliseconds, in the database too.", ge=1, le=86_400_000
    )


class DbQuery(NodeType):
    """Output `{rows, columns, rowCount, truncated}`.

    A row is an object by column name. Whole numbers are exact, decimals are exact as text, times are ISO 8601, bytes are
    files `{base64, contentType, bytes}`, NaN and infinity are text. `rowCount` is what was read, or in mode `write` changed.
    """

    type = "db.query"
    label = "Database query"
    help = "Ask a PostgreSQL, MySQL or SQLite database with bound parameters; read-only unless you say so."
    icon = "database"
    params = DbQueryParams
    time_parameter = "timeoutMs"
    example: ClassVar[dict[str, Any]] = {
        "credential": "cred-00000000000000000000000001",
        "query": "SELECT id, name FROM customers WHERE city = :city ORDER BY id",
        "params": {"city": "{{ input.city | default('Bern') }}"},
    }
    error_codes: ClassVar[dict[str, str]] = CODES | CREDENTIAL_CODES | ADDRESS_CODES

    def check(self, params: dict[str, Any]) -> Iterable[tuple[str, str]]:
        """An expression in the query is refused whatever it gives, and so is what no database would be sent."""
        query, values = params.get("query"), params.get("params", {})
        if not isinstance(query, str) or not query:
            return
        if "{{" in query:
            yield "query", _LITERAL
            return
        # What an expression will give, names of values too, is not known yet.
        known = values if isinstance(values, dict | list) else None
        if found := never_sent(query[:MAX_CHARACTERS], known, write=params.get("mode", "read") != "read"):
            yield "query", found

    def param_problems(self, params: dict[str, Any], dynamic: AbstractSet[str]) -> list[tuple[str, str]]:
        """Every problem; a query that is built at run time is one."""
        found = super().param_problems(params, dynamic)
        told = {path for path, _ in found}
        return [*([("query", _LITERAL)] if "query" in dynamic and "query" not in told else []), *found]

    def memory_bytes(self, params: DbQueryParams) -> int:
        """A large `maxBytes` counts whole, as nobody knows what comes."""
        return params.max_bytes if params.max_bytes > _USUAL_BYTES else 0

    async def run(self, ctx: Context, params: DbQueryParams) -> Done:
        """Connect, ask, commit. Raises NodeError with the codes above."""
        secret = await ctx.credential(params.credential)
        request = Request(
            sql=params.query,
            params=params.params,
            write=params.mode == "write",
            max_rows=params.max_rows,
            max_bytes=params.max_bytes,
            timeout_s=params.timeout_ms / 1_000,
        )
        started, level, result = time.perf_counter(), "warning", "canceled or timed out"
        try:
            target, addresses = await _target(ctx, secret, request.timeout_s)
            ctx.count_api_call()
            answer = await ask(target, addresses, request, ctx.in_thread)
            level, result = "info", f"{answer.row_count:,} rows{', cut off' if answer.truncated else ''}"
        except NodeError as error:
            result = error.code
            raise
        finally:
            took_ms = round((time.perf_counter() - started) * 1_000)
            ctx.log(
                level, f"{secret.type}, {params.mode}: {result}, {took_ms} ms", mode=params.mode, durationMs=took_ms
            )
        return Done(answer.output())


async def _target(ctx: Context, secret: Credential, timeout_s: float) -> tuple[Target, list[str]]:
    """What to ask, and at which addresses."""
    fields = secret.fields
    if isinstance(fields, SqliteFields):
        return allowed_file(ctx.sqlite_dir, fields.path), []
    secret.check_host(fields.host)
    return fields.server(), await resolved(ctx.addresses(fields.host, fields.port), fields.host, timeout_s)
