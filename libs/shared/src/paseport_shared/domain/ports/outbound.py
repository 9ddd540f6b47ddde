"""Requests to servers of others: identity providers, clients' logout URIs, webhooks."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from paseport_shared.domain.errors import Unavailable


class OutboundRule(enum.Enum):
    """Which rule a request or its answer broke: for administrators who try a connection, and for the log."""

    URL = "url"
    """No absolute URL, or one that could be read in two ways."""
    HTTPS = "https"
    """Another scheme; nothing lifts this."""
    PORT = "port"
    """Another port than 443, and the target is not on the list of those allowed."""
    ADDRESS = "address"
    """The host has an address that is not public, and the target is not on the list of those allowed."""
    CERTIFICATE = "certificate"
    """The server has no certificate for this host from an authority that is trusted."""
    ENCODING = "encoding"
    """The answer is compressed although that was not asked for."""
    SIZE = "size"
    """The answer is too large."""


class OutboundRefused(Unavailable):
    """A rule of ours forbids the request, or its answer. Trying again helps only once somebody has changed something.

    To everybody else it is what ``Unavailable`` is: there is no answer.
    """

    def __init__(self, rule: OutboundRule, reason: str) -> None:
        super().__init__(reason)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class OutboundAnswer:
    """An answer that arrived whole, whatever its status. A redirect is one too: it was not followed, and has no use.

    ``headers`` have names in lower case, repeated ones are joined with commas, and ``Set-Cookie`` is left out. ``body``
    is at most 1 MiB and is what somebody else's server wrote.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class OutboundHttp(Protocol):
    """Sends a request to an https URL and returns the answer, within a deadline.

    Every method raises ``OutboundRefused`` where a rule forbids it, ``Unavailable`` where no answer arrived whole and
    in time (it may have been acted upon all the same), and ``ValueError`` for a header that a caller may not set.
    """

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> OutboundAnswer:
        """Send a GET."""
        ...

    async def post_form(
        self, url: str, form: Mapping[str, str], *, headers: Mapping[str, str] | None = None
    ) -> OutboundAnswer:
        """Send a POST of ``application/x-www-form-urlencoded``."""
        ...

    async def post_json(
        self, url: str, document: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
    ) -> OutboundAnswer:
        """Send a POST of ``application/json``."""
        ...
