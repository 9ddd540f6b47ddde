"""Settings that the issuer and the api read alike: what API keys are hashed with, and which hosts are routed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from paseport.secret import Secret

from paseport_shared.domain.models.api_key import ApiKeyPeppers
from paseport_shared.domain.models.host_pattern import is_host_pattern
from paseport_shared.settings import SettingProblem, secret_problem

_VERSIONED: Final = re.compile(r"(?P<version>[1-9][0-9]{0,5}):(?P<secret>.*)", re.DOTALL)
_MAX_BYTES: Final = 64
"""As many as the keyed hash takes."""


def read_api_key_peppers(text: Secret[str]) -> ApiKeyPeppers:
    """Return the peppers of ``PASEPORT_API_KEY_PEPPER``: ``VERSION:SECRET`` with commas, or a secret, version 1.

    Raises ``ValueError`` for what is none; how good the secrets are, ``pepper_problems`` says.
    """
    pairs = _pairs(text)
    by_version = dict(pairs)
    if len(by_version) < len(pairs) or min(by_version) < 1:
        raise ValueError("every pepper needs a version of its own")
    return ApiKeyPeppers({version: Secret(secret.encode()) for version, secret in by_version.items()})


def pepper_problems(name: str, text: Secret[str]) -> Iterator[SettingProblem]:
    """Yield what keeps ``text`` from being peppers. No message shows any of it."""
    pairs = _pairs(text)
    if len({version for version, _ in pairs}) < len(pairs):
        yield SettingProblem(name, "names a version twice")
    for number, (version, secret) in enumerate(pairs, start=1):
        where = f"part {number}" if len(pairs) > 1 else "the secret"
        if version < 1:
            yield SettingProblem(name, f"{where} must be VERSION:SECRET, the version a number from 1 to 999999")
        elif (problem := secret_problem(secret)) is not None:
            yield SettingProblem(name, f"{where} {problem}")
        elif len(secret.encode()) > _MAX_BYTES:
            yield SettingProblem(name, f"{where} must have at most {_MAX_BYTES} bytes")


def edge_host_problems(name: str, patterns: Iterable[str]) -> Iterator[SettingProblem]:
    """Yield a problem where a text is no pattern of hosts."""
    if not all(is_host_pattern(pattern) for pattern in patterns):
        yield SettingProblem(
            name, "must be host names in lower case such as app.example.com or *.example.com, separated by commas"
        )


def _pairs(text: Secret[str]) -> list[tuple[int, str]]:
    """Return version and secret of each part; version 0 where a part of several names none."""
    parts = [part.strip() for part in text.reveal().split(",")]
    pairs = []
    for part in parts:
        match = _VERSIONED.fullmatch(part)
        if match is not None:
            pairs.append((int(match["version"]), match["secret"]))
        else:
            pairs.append((1 if len(parts) == 1 else 0, part))
    return pairs
