"""What ``paseport login`` remembers: one sign-in for each issuer, in a file that only this user reads."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from paseport_shared.adapters.keyfile.private_file import read_private_file
from paseport_shared.adapters.keyfile.problem import KeyFileProblem

from paseport_standalone.cli.errors import CommandFailed

_OWNER_ONLY: Final = 0o600


class SignIn(msgspec.Struct, frozen=True):
    """A sign-in at one issuer. ``expires_at`` is when its access token ends, in seconds since 1970."""

    username: str
    access_token: str
    expires_at: float
    refresh_token: str

    def __repr__(self) -> str:
        return f"SignIn({self.username!r})"


class _File(msgspec.Struct, frozen=True):
    sign_ins: dict[str, SignIn] = {}


class SignIns:
    """The file, by issuer. Every method raises ``CommandFailed``.

    A refresh token works once, so whoever reads one in order to use it holds the lock until its successor is stored.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "sign-ins.json"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only command that reads or writes, waiting for its turn. A command that dies leaves no lock."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def find(self, issuer: str) -> SignIn | None:
        """Return the sign-in at an issuer, or None."""
        return self._read().sign_ins.get(issuer)

    def put(self, issuer: str, sign_in: SignIn) -> None:
        """Store a sign-in in place of the one before: whole, or not at all."""
        self._write(_File({**self._read().sign_ins, issuer: sign_in}))

    def remove(self, issuer: str) -> None:
        """Forget a sign-in."""
        self._write(_File({known: held for known, held in self._read().sign_ins.items() if known != issuer}))

    def _read(self) -> _File:
        try:
            content = read_private_file(self._path)
        except KeyFileProblem as error:
            raise CommandFailed("sign_ins_problem", str(error)) from error
        if content is None:
            return _File()
        try:
            return msgspec.json.decode(content.reveal(), type=_File)
        except msgspec.DecodeError as error:
            message = f"{self._path} cannot be read. Remove it, then sign in again."
            raise CommandFailed("sign_ins_problem", message) from error

    def _write(self, file: _File) -> None:
        draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _OWNER_ONLY)
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(msgspec.json.encode(file))
                opened.flush()
                os.fsync(descriptor)
            draft.replace(self._path)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> CommandFailed:
        return CommandFailed(
            "sign_ins_problem",
            f"The folder {self._folder} cannot be used: {error.strerror}.",
            advice="Make it a folder that this user may write to, or name another: XDG_CONFIG_HOME.",
        )
