"""Requests to one provider: a bounded number at a time, and only answers that are what they should be."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from paseport_shared.adapters.oidc.wire import Unreadable, read_document, read_object, shown
from paseport_shared.domain.errors import ProviderUnavailable
from paseport_shared.domain.ports.outbound import OutboundAnswer, OutboundHttp

MAX_CALLS: Final = 8
"""How many requests one provider gets at a time. Others wait, so a slow one holds up its own users only."""
_JSON: Final = {"Accept": "application/json"}
_OK: Final = 200


class ProviderCalls:
    """Sends requests to one provider. The caller sets the deadline, which covers waiting for a place.

    Every method raises ``Unavailable``: as ``OutboundRefused`` where a rule of ours forbids the request.
    """

    def __init__(self, http: OutboundHttp) -> None:
        self._http = http
        self._places = asyncio.Semaphore(MAX_CALLS)

    async def get(self, url: str, *, bearer: str | None = None) -> OutboundAnswer:
        """Send a GET and return the answer, whatever it is."""
        headers = _JSON if bearer is None else {**_JSON, "Authorization": f"Bearer {bearer}"}
        async with self._places:
            return await self._http.get(url, headers=headers)

    async def post_form(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> OutboundAnswer:
        """Send a form and return the answer, whatever it is."""
        async with self._places:
            return await self._http.post_form(url, form, headers={**_JSON, **headers})

    async def get_object(self, url: str, what: str, *, bearer: str | None = None) -> dict[str, Any]:
        """Return the JSON object that a GET answers; ``what`` names it for the log."""
        return read_answer(await self.get(url, bearer=bearer), what)

    async def get_list(self, url: str, what: str, *, bearer: str | None = None) -> list[Any]:
        """Return the JSON array that a GET answers; ``what`` names it for the log."""
        answer = await self.get(url, bearer=bearer)
        _check_status(answer, what)
        try:
            document = read_document(answer.body)
        except Unreadable as error:
            raise ProviderUnavailable(f"{what}: {error}") from error
        if not isinstance(document, list):
            raise ProviderUnavailable(f"{what}: no JSON array")
        return document


def read_answer(answer: OutboundAnswer, what: str) -> dict[str, Any]:
    """Return the JSON object of an answer with status 200; a redirect was not followed, and is none."""
    _check_status(answer, what)
    try:
        return read_object(answer.body)
    except Unreadable as error:
        raise ProviderUnavailable(f"{what}: {error}") from error


def _check_status(answer: OutboundAnswer, what: str) -> None:
    if answer.status != _OK:
        said = f", a redirect to {shown(answer.headers['location'])}" if "location" in answer.headers else ""
        raise ProviderUnavailable(f"{what}: status {answer.status}{said}")
