"""Files that nobody but this user reads, created whole or not at all.

Their content is a ``Secret`` from the first line to the last: error trackers print the local variables of our frames.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from paseport.secret import Secret

from paseport_shared.adapters.keyfile.problem import KeyFileProblem

_MAX_BYTES: Final = 64 * 1024
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def read_private_file(path: Path) -> Secret[bytes] | None:
    """Return the content of a file, or None where there is none.

    Raises ``KeyFileProblem`` unless it is a regular file, not a symbolic link, that belongs to this user, is closed to
    everybody else and holds at most 64 KiB. What is checked is the open file, so nobody can exchange it in between.
    """
    try:
        # A named pipe would make a blocking open wait for ever.
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise KeyFileProblem(
                f"{path} is a symbolic link. Put the key file itself there, or name the folder that holds it."
            ) from error
        raise KeyFileProblem(f"{path} cannot be opened: {error.strerror}. Let this user read it.") from error
    try:
        _refuse_shared(path, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = Secret(file.read(_MAX_BYTES + 1))
    finally:
        os.close(descriptor)
    if len(content.reveal()) > _MAX_BYTES:
        raise KeyFileProblem.malformed(path, "it is larger than 64 KiB")
    return content


def create_private_file(path: Path, content: Secret[bytes]) -> Secret[bytes]:
    """Create a file with mode 0600, durably and in one step, and return what it holds.

    Two processes that start together agree: the first one's content stays, the other one is handed it. Linking says
    which was first, where renaming would let the second replace a key that the first may have signed with already.
    Raises ``KeyFileProblem`` when it cannot be created.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_durably(draft, content)
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        _make_names_durable(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise KeyFileProblem(
            f"{path} cannot be created: {error.strerror}. Make {path.parent} a folder that this user may write to."
        ) from error
    existing = read_private_file(path)
    if existing is None:
        raise KeyFileProblem(f"{path} was removed while it was being created. Start again, one process at a time.")
    return existing


def replace_private_file(path: Path, content: Secret[bytes]) -> None:
    """Put new content in the place of a file, durably and in one step: a crash leaves the one or the other.

    Whoever calls sees to it that nobody else writes meanwhile. Raises ``KeyFileProblem`` when it cannot be written; the
    file is as it was then.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_durably(draft, content)
        draft.rename(path)
        _make_names_durable(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise KeyFileProblem(f"{path} cannot be written: {error.strerror}.") from error


def _refuse_shared(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileProblem(f"{path} is not a regular file. Move it away, or name another data folder.")
    if status.st_uid != os.geteuid():
        raise KeyFileProblem(
            f"{path} belongs to another user (uid {status.st_uid}). Run as that user, or give the file to this one "
            "(chown) if you know that nobody has read it."
        )
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileProblem(
            f"{path} is open to other users (mode {stat.S_IMODE(status.st_mode):04o}). If nobody can have read it, run "
            f"chmod 600 on it; else move it away, and a new key is made."
        )


def _write_durably(path: Path, content: Secret[bytes]) -> None:
    descriptor = os.open(path, _CREATE, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content.reveal())
        file.flush()
        os.fsync(descriptor)


def _make_names_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
