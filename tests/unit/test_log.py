"""The logs: one line an event, and no secret in any of them."""

import json
import logging
from collections.abc import Iterator

import pytest
from pydantic import BaseModel, SecretStr

from shared import log
from shared.redactor import KNOWN
from shared.settings import Settings


@pytest.fixture(autouse=True)
def _former_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_json_lines_of_ours_and_of_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(FLOWVERSAL_LOG_FORMAT="json", FLOWVERSAL_LOG_LEVEL="INFO"), "api")
    log.get_logger("ours").info("step finished", execution_id="exec-1", duration_ms=5)
    logging.getLogger("theirs").warning("slow by %s ms", 7)
    log.get_logger("ours").debug("hidden")
    ours, theirs = _lines(capsys)
    assert (ours["event"], ours["service"], ours["level"], ours["duration_ms"]) == ("step finished", "api", "info", 5)
    assert (theirs["event"], theirs["logger"]) == ("slow by 7 ms", "theirs")


def test_text_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(FLOWVERSAL_LOG_FORMAT="text"), "api")
    log.get_logger("ours").info("hello", n=1)
    assert "hello" in capsys.readouterr().err


def test_chatty_libraries_are_silenced(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(FLOWVERSAL_LOG_FORMAT="json", FLOWVERSAL_LOG_LEVEL="DEBUG"), "worker")
    logging.getLogger("dramatiq.worker").info("noise")
    logging.getLogger("pika.adapters").error("noise")
    assert _lines(capsys) == []


def test_secrets_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(FLOWVERSAL_LOG_FORMAT="json"), "api")
    log.get_logger("ours").info(
        "x", password="p", api_key="k", access_token="t", url="amqp://me:hunter2@host/v", ai_tokens=3
    )
    try:
        raise ValueError("cannot reach postgresql://me:hunter2@host/db")
    except ValueError:
        log.get_logger("ours").exception("failed")
    text = capsys.readouterr().err
    assert "hunter2" not in text
    first = json.loads(text.splitlines()[0])
    assert [first[name] for name in ("password", "api_key", "access_token", "ai_tokens")] == ["***", "***", "***", 3]


class Login(BaseModel):
    password: SecretStr


class Odd:
    def __repr__(self) -> str:
        return "<hunter3-known>"


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_what_credentials_hold_is_masked_wherever_it_stands(
    capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    log.configure(Settings(FLOWVERSAL_LOG_FORMAT=log_format), "api")
    KNOWN.add(Login(password=SecretStr("hunter3-known")))
    log.get_logger("ours").info("said hunter3-known", deep={"er": ["hunter3-known"]}, odd=Odd())
    logging.getLogger("theirs").warning("theirs: %s", "hunter3-known")
    try:
        raise ValueError("hunter3-known")
    except ValueError:
        log.get_logger("ours").exception("failed")
        logging.getLogger("theirs").exception("failed")
    text = capsys.readouterr().err
    assert "hunter3" not in text
    assert text.replace("\\u2022", "•").count("•••") >= 6
    assert "could not be written" not in text


def test_what_cannot_be_written_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(), "api")
    logging.getLogger("theirs").warning("%d", "hunter4")
    text = capsys.readouterr().err
    assert "hunter4" not in text
    assert text == "a log line of theirs could not be written\n"
