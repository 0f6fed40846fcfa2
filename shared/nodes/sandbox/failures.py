"""What went wrong in the sandbox, as errors of the step: which line, and what to do."""

from pydantic_monty import Frame, MontyCrashedError, MontyError, MontyRuntimeError, MontySyntaxError

from shared.domain.errors import NodeError

_LONGEST = 2_000
_SNIPPET = 200
_UNKNOWN_SYNTAX = "The monty syntax parser does not yet support "


def failure_of(error: MontyError, *, timeout_ms: int, memory_mb: int) -> NodeError:
    """The error of a step whose code ended with `error`."""
    if isinstance(error, MontySyntaxError):
        return NodeError("CODE_SYNTAX", f"{_text(error)}{_place(error)}. Correct the code.")
    if isinstance(error, MontyRuntimeError):
        return _runtime_failure(error, timeout_ms, memory_mb)
    if isinstance(error, MontyCrashedError):
        if error.timed_out:
            return _timeout(timeout_ms)
        return NodeError("CODE_CRASHED", "The sandbox ended while the code ran. Try again.", retryable=True)
    return NodeError("CODE_ERROR", str(error)[:_LONGEST])


def _runtime_failure(error: MontyRuntimeError, timeout_ms: int, memory_mb: int) -> NodeError:
    inner, text = error.exception(), str(error.exception())
    if isinstance(inner, TimeoutError) and not error.traceback():
        return _timeout(timeout_ms)
    if isinstance(inner, MemoryError) and (text.startswith("memory limit exceeded") or not error.traceback()):
        return NodeError(
            "CODE_MEMORY",
            f"The code needs more than {memory_mb} MB{_place(error)}. Raise memoryMb, or work on less at a time.",
        )
    if isinstance(inner, NotImplementedError) and text.startswith(_UNKNOWN_SYNTAX):
        what = text.removeprefix(_UNKNOWN_SYNTAX)
        return NodeError("CODE_SYNTAX", f"The sandbox does not know {what}{_place(error)}. Write it without.")
    return NodeError("CODE_ERROR", f"{_text(error)}{_place(error)}")


def _timeout(timeout_ms: int) -> NodeError:
    text = f"The code took longer than {timeout_ms:,} ms. Raise timeoutMs, or do less."
    # The same code takes as long again.
    return NodeError("CODE_TIMEOUT", text)


def _text(error: MontySyntaxError | MontyRuntimeError) -> str:
    """`ZeroDivisionError: division by zero`."""
    return error.display("type-msg")[:_LONGEST]


def _place(error: MontySyntaxError | MontyRuntimeError) -> str:
    """` (line 3: return 1 / 0)`, of the line where it happened, or nothing."""
    frames: list[Frame] = error.traceback()
    if not frames:
        return ""
    snippet = (frames[-1].source_line or "").strip()[:_SNIPPET]
    return f" (line {frames[-1].line}{f': {snippet}' if snippet else ''})"
