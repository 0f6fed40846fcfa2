"""Blobs as files in a folder that every process sees: `<week>/<execution>/<blob>`."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from shared.db.partitions import week_of

_WEEK = "%Y%m%d"


class FileStore:
    """A `shared.blobs.Store`. The folder belongs to one installation: what is old in it is removed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, key: tuple[UUID, UUID], content: bytes) -> None:
        """Written beside, flushed, then renamed: a file is there whole or not at all."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with beside.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
            _flush_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)

    def get(self, key: tuple[UUID, UUID]) -> bytes | None:
        """See `shared.blobs.Store`."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None

    def get_range(self, key: tuple[UUID, UUID], start: int, length: int) -> bytes | None:
        """See `shared.blobs.Store`."""
        try:
            with self._path(key).open("rb") as file:
                file.seek(start)
                return file.read(length)
        except FileNotFoundError:
            return None

    def size(self, key: tuple[UUID, UUID]) -> int | None:
        """See `shared.blobs.Store`."""
        try:
            return self._path(key).stat().st_size
        except FileNotFoundError:
            return None

    def delete(self, key: tuple[UUID, UUID]) -> None:
        """The folder of the execution goes with its last blob."""
        path = self._path(key)
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.parent.rmdir()

    def drop_before(self, week: datetime, kept: Collection[datetime]) -> list[str]:
        """See `shared.blobs.Store`. What is not named like a week is left alone."""
        dropped = []
        for folder in sorted(self._folder.glob("[0-9]" * 8)):
            found = _week_named(folder.name)
            if found is not None and found < week and found not in kept:
                shutil.rmtree(folder, ignore_errors=True)
                dropped.append(folder.name)
        return dropped

    def _path(self, key: tuple[UUID, UUID]) -> Path:
        return self._folder / f"{week_of(key[0]):{_WEEK}}" / key[0].hex / key[1].hex


def _week_named(name: str) -> datetime | None:
    try:
        return datetime.strptime(name, _WEEK).replace(tzinfo=UTC)
    except ValueError:
        return None


def _flush_folder(folder: Path) -> None:
    """So that the name survives a crash of the machine, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
