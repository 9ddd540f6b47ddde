"""The policy file of an installation: read at the start, and again whenever it changes."""

from __future__ import annotations

import asyncio
import hashlib
import stat
from pathlib import Path
from typing import Final

import structlog

from paseport_shared.adapters.policy_file.policy_text import MAX_BYTES, PolicyProblems, read_policy
from paseport_shared.domain.models.policy import Policy
from paseport_shared.domain.ports.pattern_matcher import PatternMatcher

LOOK_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class PolicyFile:
    """``Policies`` from a file. Without one there are no rules, and so everything is denied.

    A file that cannot be used never comes into force: at the start nothing starts, later the last good rules stay
    (FA-22). A change counts once two looks in a row have seen it: an editor that is still writing leaves a file that
    may be good by chance, without the rules at its end.
    """

    def __init__(self, path: Path | None, patterns: PatternMatcher) -> None:
        """Read the file. Raises ``PolicyProblems`` with all that is wrong with it."""
        self._path = path
        self._patterns = patterns
        self._policy = Policy(())
        self._generation = 0
        self._failed_reloads = 0
        self._is_current = True
        self._seen = self._in_force = b""
        self._refused: bytes | None = None
        if path is not None:
            content = _content(path)
            self._adopt(read_policy(content, str(path), patterns), _digest(b"content", content))

    @property
    def policy(self) -> Policy:
        """The rules that are in force now."""
        return self._policy

    @property
    def generation(self) -> int:
        """How many sets of rules came into force since the start; 0 without a file."""
        return self._generation

    @property
    def failed_reloads(self) -> int:
        """How many changes of the file were refused."""
        return self._failed_reloads

    @property
    def is_current(self) -> bool:
        """Whether the rules in force are those that stood in the file when it was last looked at."""
        return self._is_current

    async def keep(self) -> None:
        """Look at the file every second until cancelled. A background job."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.step()

    async def step(self) -> None:
        """Look once."""
        if self._path is None:
            return
        content, digest = await asyncio.to_thread(_look_at, self._path)
        self._is_current = digest == self._in_force
        is_settled, self._seen = digest == self._seen, digest
        if self._is_current:
            # Whoever put the old file back has mended it: the same fault would be news again.
            self._refused = None
        elif is_settled and digest != self._refused:
            await self._reload(self._path, content, digest)

    async def _reload(self, path: Path, content: bytes | PolicyProblems, digest: bytes) -> None:
        try:
            if isinstance(content, PolicyProblems):
                raise content
            policy = await asyncio.to_thread(read_policy, content, str(path), self._patterns)
        except PolicyProblems as problems:
            self._refused = digest
            self._failed_reloads += 1
            _log.error("policy file is refused, the rules from before stay in force", problems=list(problems.lines))
            return
        self._adopt(policy, digest)
        _log.info("policy file is in force", file=str(path), rules=len(policy.rules), generation=self._generation)

    def _adopt(self, policy: Policy, digest: bytes) -> None:
        self._policy = policy
        self._generation += 1
        self._is_current = True
        self._seen = self._in_force = digest
        self._refused = None


def _look_at(path: Path) -> tuple[bytes | PolicyProblems, bytes]:
    """Return what is in a file, or why nobody can say, and a digest that tells either from all others."""
    try:
        content = _content(path)
    except PolicyProblems as problems:
        return problems, _digest(b"problem", str(problems).encode())
    return content, _digest(b"content", content)


def _content(path: Path) -> bytes:
    """Return what is in a file, no more of it than can be used. Raises ``PolicyProblems``."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise PolicyProblems([f"{path}:1: no file"])
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyProblems([f"{path}:1: cannot be read: {error.strerror}"]) from error


def _digest(kind: bytes, content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16, person=kind).digest()
