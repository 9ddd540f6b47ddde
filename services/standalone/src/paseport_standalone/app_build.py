"""The built app, read once and kept in memory."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

FALLBACK: Final = "index.html"
_IMMUTABLE: Final = "_app/immutable/"
"""Files below it carry a hash of their content in their name."""

# Of our own, because the system's table of types differs from machine to machine.
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_NOT_A_PAGE: Final = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""The policy of a file that is no page, for whoever opens it as one: an SVG image can hold scripts."""
_DIRECTIVE: Final = re.compile(r"[\x20-\x2b\x2d-\x7e]+")
"""Printable ASCII without the comma, which would begin a second policy in a header."""


class AppBuildProblem(Exception):
    """The build cannot be served; ``str()`` says why and what to do."""


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """One file as it is served. ``etag`` is strong: it is the hash of ``body``."""

    body: bytes = field(repr=False)
    etag: str
    modified_at: datetime
    media_type: str
    cache_control: str
    content_security_policy: str

    @property
    def last_modified(self) -> str:
        """The time as an HTTP date."""
        return format_datetime(self.modified_at, usegmt=True)


class AppBuild:
    """All files of a build by their URL path.

    A request is looked up in a dictionary and never becomes a file name, so nothing outside the build can be asked
    for. A build that is replaced while the process runs is served after the next start: whole, never half of each.
    """

    def __init__(self, files: Mapping[str, BuiltFile]) -> None:
        self._files = files
        self.fallback: Final = files[f"/{FALLBACK}"]

    def find(self, path: str) -> BuiltFile | None:
        """Return the file at ``path``; a folder is answered by its ``index.html``, with or without the slash."""
        return self._files.get(path) or self._files.get(f"{path.removesuffix('/')}/{FALLBACK}")


def load_app_build(folder: Path) -> AppBuild:
    """Read a build. Raises ``AppBuildProblem``; symbolic links, hidden files and source maps are left out."""
    if not (folder / FALLBACK).is_file():
        raise AppBuildProblem(
            f"The app is not built, {folder / FALLBACK} is missing. Run `make setup`, then start again."
        )
    try:
        files = {f"/{path.relative_to(folder).as_posix()}": _read(path, folder) for path in _served(folder)}
    except OSError as error:
        raise AppBuildProblem(
            f"The app cannot be read: {error}. Make {folder} readable, or run `make setup`."
        ) from error
    return AppBuild(files)


def _served(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(parent, name)
            if not (name.startswith(".") or name.endswith(".map") or path.is_symlink()):
                yield path


def _read(path: Path, folder: Path) -> BuiltFile:
    body = path.read_bytes()
    immutable = path.relative_to(folder).as_posix().startswith(_IMMUTABLE)
    return BuiltFile(
        body=body,
        etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        modified_at=datetime.fromtimestamp(int(path.stat().st_mtime), UTC),
        media_type=_MEDIA_TYPES.get(path.suffix, "application/octet-stream"),
        # `no-cache` keeps a copy and asks for it each time: a page must never name scripts of an older build.
        cache_control="public, max-age=31536000, immutable" if immutable else "no-cache",
        content_security_policy=_policy_of_page(path, body) if path.suffix == ".html" else _NOT_A_PAGE,
    )


def _policy_of_page(path: Path, body: bytes) -> str:
    """Return the policy that the page itself states, with what only a header can say.

    Both policies apply, so the header repeats the page's own one instead of having another opinion: the build knows the
    hashes of its scripts. As a header it also covers what stands above the ``<meta>``.
    """
    parser = _PolicyParser()
    parser.feed(body.decode("utf-8", "replace"))
    policy = parser.policy.strip().rstrip(";") if parser.policy else ""
    if not _DIRECTIVE.fullmatch(policy):
        raise AppBuildProblem(
            f"{path} states no content security policy of one line. Run `make setup` to build the app again."
        )
    return f"{policy}; frame-ancestors 'none'"


class _PolicyParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.policy: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "meta" and (values.get("http-equiv") or "").lower() == "content-security-policy":
            self.policy = values.get("content")
