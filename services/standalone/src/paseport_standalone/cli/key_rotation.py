"""A whole rotation, step by step, with the waiting in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from paseport_standalone.cli.errors import CommandFailed
from paseport_standalone.cli.issuer_client import IssuerClient, KeyVersionView, connect
from paseport_standalone.cli.output import Output

T = TypeVar("T")


class KeyRotation:
    """The rotation of one key of the issuer ``at``. Raises ``CommandFailed``.

    What was done already is read from the issuer, and it says how long to wait: this machine's clock may be wrong. Each
    step has a token of its own, since a wait outlasts one.
    """

    def __init__(self, output: Output, key: str, at: str | None) -> None:
        self._output = output
        self._key = key
        self._at = at

    def run(self, *, and_retire: bool) -> tuple[KeyVersionView, ...]:
        """Go through it, or to the end of the one that was interrupted; return the versions of the key then."""
        begun = self._versions()
        retiring = _with_status(begun, "retiring")
        if and_retire and retiring and not _with_status(begun, "published"):
            self._output.say(f"A rotation has left version {retiring[-1].version} retiring. It is finished first.")
        else:
            self._replace()
        versions = self._versions()
        for version in _with_status(versions, "retiring"):
            if and_retire:
                self._retire(version.version)
            else:
                self._output.say(
                    f"Version {version.version} checks tokens that it has signed. It can be retired from "
                    f"{version.possible_from} on: paseport keys retire {version.version} --key {self._key}"
                )
        return self._versions() if and_retire else versions

    def _replace(self) -> None:
        published = self._do(lambda issuer: issuer.publish_key(self._key, create=True))
        version = published.version
        self._output.say(f"Version {version} is published. It signs once every verifier knows it.")
        self._when_ready(version, "activate", "Until every verifier knows it")
        self._output.say(f"Version {version} signs.")

    def _retire(self, version: int) -> None:
        self._when_ready(version, "retire", f"Until the last token of version {version} has expired")
        self._output.say(f"Version {version} is retired.")

    def _when_ready(self, version: int, step: str, reason: str) -> None:
        while True:
            try:
                self._do(lambda issuer: issuer.step_key(self._key, version, step))
            except CommandFailed as error:
                if error.code != "key_not_ready" or error.retry_after is None:
                    raise
                self._output.wait(error.retry_after, reason)
            else:
                return

    def _versions(self) -> tuple[KeyVersionView, ...]:
        versions = self._do(lambda issuer: issuer.key_versions())
        return tuple(version for version in versions if version.key == self._key)

    def _do(self, action: Callable[[IssuerClient], T]) -> T:
        with connect(self._at) as issuer:
            return action(issuer)


def _with_status(versions: tuple[KeyVersionView, ...], status: str) -> tuple[KeyVersionView, ...]:
    return tuple(version for version in versions if version.status == status)
