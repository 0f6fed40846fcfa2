"""Under which user a server process runs.

Started by root, Postgres refuses to run and the others should not: they get a user id of their own that no account has,
so no other local user can read their files. When that id cannot reach the folder or the programs (a checkout below a
closed home directory), the process keeps the one capability that lets it pass directories, instead of anything outside
the data folder being opened up.
"""

import ctypes
import os
import pwd
import random
import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
OWN_IDS = range(50_000, 60_000)

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_SET_SECUREBITS = 28
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION_3 = 0x20080522


class IdentityError(RuntimeError):
    """No user id under which the servers could run; the message says what to do."""


@dataclass(frozen=True)
class Identity:
    """A user and group id, and the capability (Linux number) the process keeps, if it needs one."""

    uid: int
    gid: int
    capability: int | None = None


def current() -> Identity:
    """The user this process runs as: nothing is dropped."""
    return Identity(os.geteuid(), os.getegid())


def own(folder: Path, programs: Iterable[Path]) -> Identity:
    """The identity for servers that keep their files in `folder` and run from the folders `programs`.

    Not root: the current user. Root: an id without an account, kept in `folder/server-user`.
    Raises IdentityError when that id could not get there.
    """
    if os.geteuid() != 0:
        return current()
    uid = _kept_id(folder / "server-user")
    if all(_is_open_to_all(path) for path in [folder, *programs]):
        return Identity(uid, uid)
    return Identity(uid, uid, _passing_capability(folder))


def named(identity: Identity, folder: Path) -> Identity:
    """An identity with an account, for programs that look up their user's name (initdb). Raises IdentityError."""
    if os.geteuid() != 0:
        _require_account(identity.uid)
        return identity
    account = _account()
    return Identity(account.pw_uid, account.pw_gid, _passing_capability(folder))


def give(path: Path, identity: Identity) -> None:
    """Hand `path` and everything in it to `identity`; nothing happens when it is the current user."""
    if os.geteuid() != 0 or path.stat().st_uid == identity.uid:
        return
    os.chown(path, identity.uid, identity.gid, follow_symlinks=False)
    for folder, subfolders, files in os.walk(path):
        for name in [*subfolders, *files]:
            os.chown(Path(folder, name), identity.uid, identity.gid, follow_symlinks=False)


def on_start(identity: Identity, death_signal: signal.Signals) -> Callable[[], None]:
    """What a child does between fork and exec: become `identity`, and die with its parent by `death_signal`.

    Everything it calls is looked up here, before the fork.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    linux = sys.platform == "linux"
    parent = os.getpid()
    drop = os.geteuid() == 0 and identity.uid != 0
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    mask = 0 if identity.capability is None else 1 << identity.capability
    sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)

    def become() -> None:
        if drop:
            if linux and mask:
                libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
                # Else access(2), which Erlang asks before it writes, would not count the capability.
                libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
            os.setgroups([])
            os.setgid(identity.gid)
            os.setuid(identity.uid)
            if linux and mask:
                libc.capset(header, sets)
                libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, identity.capability, 0, 0)
            if linux:
                libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if linux:
            # After the change of user, because the kernel clears it there.
            libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return become


def _is_open_to_all(path: Path) -> bool:
    """Whether any user may pass every directory down to and including `path`."""
    resolved = path.resolve()
    return all(folder.stat().st_mode & 0o001 for folder in [resolved, *resolved.parents])


def _kept_id(file: Path) -> int:
    if not file.exists():
        file.write_text(f"{_unused_id()}\n")
    return int(file.read_text())


def _unused_id() -> int:
    taken = {account.pw_uid for account in pwd.getpwall()} | {account.pw_gid for account in pwd.getpwall()}
    return random.SystemRandom().choice([uid for uid in OWN_IDS if uid not in taken])


def _require_account(uid: int) -> None:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        message = f"User id {uid} has no account, which Postgres needs. Run as a user with one, or set DATABASE_URL."
        raise IdentityError(message) from None


def _account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        return next(account for account in pwd.getpwall() if account.pw_uid != 0)


def _passing_capability(folder: Path) -> int:
    """The smallest capability this process has that passes closed directories."""
    held = _held_capabilities()
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        if held >> capability & 1:
            return capability
    message = (
        f"{folder} lies in a directory that only root may enter, and this root may not open it for a server process. "
        "Set FLOWVERSAL_DATA_DIR to a folder that every user can reach, or run as a normal user."
    )
    raise IdentityError(message)


def _held_capabilities() -> int:
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next(line for line in status.read_text().splitlines() if line.startswith("CapEff:"))
    return int(line.split()[1], 16)
