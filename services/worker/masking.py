"""What an attempt leaves, without the secrets of the credentials that it has opened."""

from dataclasses import replace

from shared.domain.outcome import Ask, Outcome
from shared.nodes.base import Respond
from shared.redactor import Redactor


def masked_outcome(outcome: Outcome, redactor: Redactor) -> Outcome:
    """The outcome with input, error and question masked; its output was before it was stored."""
    return replace(
        outcome,
        input=redactor.json(outcome.input) if isinstance(outcome.input, str) else outcome.input,
        error=None if outcome.error is None else redactor.json(outcome.error),
        ask=None if outcome.ask is None else _masked_ask(outcome.ask, redactor),
    )


def masked_answer(answer: Respond, redactor: Redactor) -> Respond:
    """What the caller of a webhook gets, with headers and body masked."""
    headers = {name: _masked_header(value, redactor) for name, value in answer.headers.items()}
    return replace(answer, headers=headers, body=redactor.raw(answer.body))


def _masked_ask(ask: Ask, redactor: Redactor) -> Ask:
    return Ask(ask.kind, redactor.text(ask.message), tuple(map(redactor.text, ask.approvers)))


def _masked_header(value: str, redactor: Redactor) -> str:
    """Headers are Latin-1, which has no mask: there it is `???`."""
    return redactor.text(value).encode("latin-1", "replace").decode("latin-1")
