"""The folder that holds everything an installation keeps in embedded mode."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from paseport.secret import Secret
from paseport_shared.adapters.keyfile.private_file import create_private_file, read_private_file
from paseport_shared.adapters.keyfile.problem import KeyFileProblem
from paseport_shared.domain.ports.randomness import Randomness

REPOSITORY: Final = Path(__file__).resolve().parents[4]
"""The root of the source checkout, if this is one: an installed package lies elsewhere."""
_SECRET_BYTES: Final = 32
_HEX_SECRET: Final = re.compile(rf"(?:[0-9a-f]{{2}}){{{_SECRET_BYTES},}}")
_LOCK_TRIES: Final = 10
_LOCK_PAUSE_SECONDS: Final = 0.05


class DataFolderProblem(Exception):
    """The folder cannot be used; ``str()`` says why and what to do, in one line."""


class AlreadyRunning(DataFolderProblem):
    """Another process serves this folder."""


class Runtime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a running process tells the command line: its id and the addresses of its two ports."""

    process_id: int
    public_url: str
    internal_url: str


@dataclass(frozen=True, slots=True)
class InstallationSecrets:
    """Made once for each installation.

    Whoever loses a pepper loses all passwords, or all API keys; the others end sessions only.
    """

    refresh_key: Secret[bytes]
    password_pepper: Secret[bytes]
    api_key_pepper: Secret[str]
    cli_secret: Secret[str]
    service_secret: Secret[str]


def is_source_checkout() -> bool:
    """Say whether this runs from the repository."""
    return (REPOSITORY / "frontend" / "svelte.config.js").is_file()


def default_data_folder(environment: Mapping[str, str]) -> Path:
    """Return ``var/embedded`` of a source checkout, else ``paseport`` among the user's data (XDG base directories)."""
    if is_source_checkout():
        return REPOSITORY / "var" / "embedded"
    base = environment.get("XDG_DATA_HOME", "")
    # A relative path is to be ignored, says the specification.
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "paseport"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Names of the files; nothing is opened by making one."""

    path: Path

    @property
    def database(self) -> Path:
        """The record."""
        return self.path / "paseport.db"

    @property
    def database_url(self) -> str:
        """The record, as the SQL adapter takes it."""
        return f"sqlite:///{self.database}"

    @property
    def key_file(self) -> Path:
        """The keys that sign access tokens."""
        return self.path / "signing-keys.json"

    @property
    def id_key_file(self) -> Path:
        """The keys that sign ID tokens."""
        return self.path / "id-signing-keys.json"

    @property
    def data_key_file(self) -> Path:
        """The keys that seal secrets on record."""
        return self.path / "data-keys.json"

    @property
    def refresh_key(self) -> Path:
        """The installation's half of every refresh token's MAC."""
        return self.path / "refresh-key"

    @property
    def password_pepper(self) -> Path:
        """The key that passwords are hashed under."""
        return self.path / "password-pepper"

    @property
    def api_key_pepper(self) -> Path:
        """The key that API keys are hashed under."""
        return self.path / "api-key-pepper"

    @property
    def cli_secret(self) -> Path:
        """What the command line proves itself with."""
        return self.path / "cli-secret"

    @property
    def service_secret(self) -> Path:
        """What the api proves itself with to the issuer."""
        return self.path / "service-secret"

    @property
    def private_files(self) -> tuple[Path, ...]:
        """Files that nobody else may read."""
        return (
            self.key_file,
            self.id_key_file,
            self.data_key_file,
            self.refresh_key,
            self.password_pepper,
            self.api_key_pepper,
            self.cli_secret,
            self.service_secret,
        )

    def create(self) -> None:
        """Create the folder with mode 0700 where it is missing. Raises ``DataFolderProblem``."""
        if "?" in str(self.path):
            raise DataFolderProblem(
                f"The data folder {self.path} has a question mark in its name, which would end the address of the "
                "database. Choose another with PASEPORT_DATA_DIR."
            )
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = self.path.stat().st_mode
        except OSError as error:
            raise self._unusable(error) from error
        if mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise DataFolderProblem(
                f"The data folder {self.path} can be changed by other users. If nobody did: chmod 700 {self.path}"
            )

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this process. Raises ``AlreadyRunning`` and ``DataFolderProblem``."""
        try:
            descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            self._take(descriptor)
            yield
        finally:
            os.close(descriptor)

    def is_served(self) -> bool:
        """Say whether a process holds the folder now."""
        try:
            descriptor = os.open(self._lock_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def load_secrets(self, randomness: Randomness) -> InstallationSecrets:
        """Return the secrets of the installation, made now where they are missing. Raises ``DataFolderProblem``."""
        if self.database.exists() and not self.password_pepper.exists():
            raise DataFolderProblem(
                f"{self.password_pepper} is missing, and no stored password can be checked without it. "
                f"Restore it from the backup that {self.database.name} came from."
            )
        refresh_key, password_pepper, api_key_pepper, cli_secret, service_secret = (
            self._secret(path, randomness)
            for path in (
                self.refresh_key,
                self.password_pepper,
                self.api_key_pepper,
                self.cli_secret,
                self.service_secret,
            )
        )
        return InstallationSecrets(
            refresh_key=Secret(bytes.fromhex(refresh_key.reveal())),
            password_pepper=Secret(bytes.fromhex(password_pepper.reveal())),
            api_key_pepper=api_key_pepper,
            cli_secret=cli_secret,
            service_secret=service_secret,
        )

    def find_cli_secret(self) -> Secret[str] | None:
        """Return the command line's secret, None where there is none yet. Raises ``DataFolderProblem``."""
        try:
            content = read_private_file(self.cli_secret)
        except KeyFileProblem as error:
            raise DataFolderProblem(str(error)) from error
        return None if content is None else _checked(self.cli_secret, content)

    @contextlib.contextmanager
    def announce(self, runtime: Runtime) -> Iterator[None]:
        """Tell the command line where this process listens, until it ends. The caller holds the lock."""
        draft = self._runtime_file.with_suffix(".new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(runtime))
        draft.replace(self._runtime_file)
        try:
            yield
        finally:
            self._runtime_file.unlink(missing_ok=True)

    def find_runtime(self) -> Runtime | None:
        """Return what the process that holds the folder told, None where nothing runs.

        A file that a killed process left behind counts for nothing: somebody else may have its port by now, and must
        not be sent the command line's secret.
        """
        if not self.is_served():
            return None
        try:
            return msgspec.json.decode(self._runtime_file.read_bytes(), type=Runtime)
        except (OSError, msgspec.DecodeError):
            return None

    @property
    def _lock_file(self) -> Path:
        return self.path / "lock"

    @property
    def _runtime_file(self) -> Path:
        return self.path / "runtime.json"

    def _take(self, descriptor: int) -> None:
        # `is_served` holds the lock for an instant, so one refusal is not yet a second process.
        for _ in range(_LOCK_TRIES):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(_LOCK_PAUSE_SECONDS)
        runtime = self.find_runtime()
        who = "" if runtime is None else f" (process {runtime.process_id}, {runtime.public_url})"
        raise AlreadyRunning(
            f"Paseport already serves {self.path}{who}. Stop it, or choose another folder with PASEPORT_DATA_DIR."
        )

    def _secret(self, path: Path, randomness: Randomness) -> Secret[str]:
        try:
            content = read_private_file(path)
            if content is None:
                made = f"{randomness.token_bytes(_SECRET_BYTES).hex()}\n"
                content = create_private_file(path, Secret(made.encode()))
        except KeyFileProblem as error:
            raise DataFolderProblem(str(error)) from error
        return _checked(path, content)

    def _unusable(self, error: OSError) -> DataFolderProblem:
        return DataFolderProblem(
            f"The data folder {self.path} cannot be used: {error.strerror}. "
            "Make it a folder that this user may write to, or choose another with PASEPORT_DATA_DIR."
        )


def _checked(path: Path, content: Secret[bytes]) -> Secret[str]:
    secret = Secret(content.reveal().decode("ascii", "replace").strip())
    if _HEX_SECRET.fullmatch(secret.reveal()) is None:
        raise DataFolderProblem(f"{path} does not hold a secret of {_SECRET_BYTES} bytes. Restore it from a backup.")
    return secret
