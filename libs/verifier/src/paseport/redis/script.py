"""Lua scripts, called by their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Argument: TypeAlias = bytes | str | int
Command: TypeAlias = tuple[Argument, ...]
Reply: TypeAlias = Any
"""What a command answered: bytes, int, None or a list of them. Who sent the command knows which."""


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """One call of a script, in its short spelling and in the one for a node that does not know the script yet."""

    by_digest: Command
    by_source: Command


_KNOWN: Final[list[str]] = []


def loading() -> tuple[Command, ...]:
    """Return the commands that teach a node all scripts there are, so that no call has to be sent a second time."""
    return tuple(("SCRIPT", "LOAD", source) for source in _KNOWN)


class Script:
    """A script of one hash slot: all keys of a call carry one tag, or there is one key.

    The first line is ``#!lua`` without flags. It makes Redis refuse the whole script, before its first command, on a
    replica, without enough replicas, and when memory or disk are full. Without it a script that happens not to write
    would answer from a replica, and "there is no such family" must never come from there.

    A script that ``only_reads`` runs also where nothing can be written, so it has to ask by itself who answers.
    """

    def __init__(self, source: str, *, only_reads: bool = False) -> None:
        first = "#!lua flags=no-writes" if only_reads else "#!lua"
        self._source = f"{first}\n{source.strip()}\n"
        self._digest = hashlib.sha1(self._source.encode(), usedforsecurity=False).hexdigest()
        _KNOWN.append(self._source)

    def __call__(self, keys: Sequence[Argument], *arguments: Argument) -> ScriptCall:
        """Return a call for these keys and arguments."""
        rest = (len(keys), *keys, *arguments)
        return ScriptCall(("EVALSHA", self._digest, *rest), ("EVAL", self._source, *rest))
