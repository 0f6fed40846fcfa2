"""Where the SQLite files are that steps may use."""

from pathlib import Path, PurePosixPath

from shared.domain.errors import NodeError

SETTING = "FLOWVERSAL_SQLITE_DIR"
NOT_ALLOWED = "DB_NOT_ALLOWED"


def relative_path(text: str) -> str:
    """A path below a folder: not absolute, no `..`. Raises ValueError."""
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts or "\\" in text or not text.isprintable() or not path.name:
        raise ValueError(
            f"this must be a path below the folder that the operator has set in {SETTING}, such as shop.db"
        )
    return str(path)


def allowed_file(folder: Path | None, path: str) -> Path:
    """The file at `path` below the operator's folder. Raises NodeError DB_NOT_ALLOWED: no folder, no file, or a link."""
    if folder is None:
        text = f"SQLite files are not available: an operator can allow those below a folder in {SETTING}."
        raise NodeError(NOT_ALLOWED, text)
    try:
        wanted = folder.resolve(strict=True) / relative_path(path)
        # A link would lead out of the folder, now or later.
        if wanted.resolve(strict=True) == wanted and wanted.is_file():
            return wanted
    except (OSError, ValueError, RuntimeError):
        pass
    raise NodeError(
        NOT_ALLOWED, f"There is no plain file {path[:200]} below the folder in {SETTING}: links do not count."
    )
