"""Structured logs on standard error: one JSON object a line, or coloured text for people. Secrets are masked."""

import logging
import re
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from shared.callbacks import mask_tokens
from shared.redactor import KNOWN
from shared.settings import Settings

MASK = "***"

_SECRET_NAME = re.compile(r"password|secret|token$|authorization|cookie|api_?key|credential", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]+@")
# What pika calls an error (seven lines for a refused connection) is reported by the code that uses it.
_SILENT = ("pika",)
_NOISY = ("dramatiq", "urllib3", "httpx2", "httpcore2", "asyncio", "alembic")


def configure(settings: Settings, service: str) -> None:
    """Send every log line of this process, also those of libraries, to standard error in `settings.log_format`.

    Each line carries `service`, `at` (ISO 8601, UTC), `level`, `logger`, and whatever was bound with
    `structlog.contextvars.bind_contextvars` (`execution_id`, …). Calling it again replaces the former set-up.
    """
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _add_service(service),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _Handler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=_rendering(settings.log_format))
    )
    level = settings.log_level.upper()
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    for name in _SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _Handler(logging.StreamHandler[TextIO]):
    """One that does not repeat, unmasked, what it could not write."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Say where a line was lost, and nothing of it."""
        with suppress(Exception):
            self.stream.write(f"a log line of {record.name} could not be written\n")


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger: `log.info("step finished", execution_id=…, duration_ms=…)`. Modules may call it when imported."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def mask(text: str) -> str:
    """`text` without the password of any URL, the token of any callback's, the secrets that this process has opened."""
    return KNOWN.mask(mask_tokens(_URL_PASSWORD.sub(rf"\1:{MASK}@", text)))


def _rendering(log_format: str) -> list[Processor]:
    last: list[Processor]
    if log_format == "json":
        last = [structlog.processors.format_exc_info, _mask_secrets, structlog.processors.JSONRenderer(default=str)]
    else:
        # Plain tracebacks: the pretty ones print local variables, and a secret may be among them.
        plain = structlog.dev.plain_traceback
        last = [
            structlog.processors.format_exc_info,
            _mask_secrets,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain),
        ]
    return [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]


def _add_service(service: str) -> Processor:
    def add(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return add


def _mask_secrets(_logger: Any, _method: str, event: EventDict) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if _SECRET_NAME.search(key):
            event[key] = MASK
        else:
            event[key] = _masked(value)
    return event


def _masked(value: Any) -> Any:
    """The value without secrets at any depth; what is no JSON becomes text, as it would in the line."""
    if isinstance(value, dict):
        return {str(name): _masked(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [_masked(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float) else mask(str(value))
