"""What is wrong with a piece of Python before anything runs, as far as this interpreter knows."""

import ast
import threading
import warnings

_lock = threading.Lock()


def syntax_problem(code: str) -> str | None:
    """The first mistake, with its line; None if it parses. The code is never compiled, let alone run."""
    try:
        # The filters of warnings are the process's own: one thread at a time.
        with _lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except SyntaxError as error:
        line = f"line {error.lineno}: " if error.lineno else ""
        text = (error.text or "").strip()[:200]
        return f"{line}{error.msg}{f': {text}' if text else ''}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"this cannot be read as Python: {error or 'it is nested too deep'}"
    return None
