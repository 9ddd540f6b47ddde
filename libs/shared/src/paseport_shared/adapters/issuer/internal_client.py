"""Requests to the issuer's internal port."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import httpx
import msgspec
import structlog
from paseport.secret import Secret

from paseport_shared.domain.errors import Unavailable

DEADLINE_SECONDS: Final = 2.0
MAX_CONNECTIONS: Final = 16
# A snapshot of 100,000 revocations has about 20 MiB; what is larger is not the issuer.
MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024

_Wire = TypeVar("_Wire")


def open_internal_client(base_url: str, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Return a client for the internal port at ``base_url``; its owner closes it.

    Bounded in connections and time. It follows no redirect and takes no proxy from the environment: the service secret
    goes to the issuer and nowhere else. One process passes a ``transport`` that calls the issuer's app directly.
    """
    return httpx.AsyncClient(
        base_url=base_url,
        transport=transport,
        timeout=DEADLINE_SECONDS,
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS),
        follow_redirects=False,
        trust_env=False,
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of an answer that arrived whole."""

    status: int
    body: bytes

    def read_as(self, wire: type[_Wire]) -> _Wire:
        """Return the body as ``wire``. Raises ``Unavailable`` for anything else: half an answer is none."""
        try:
            return msgspec.json.decode(self.body, type=wire)
        except (ValueError, RecursionError) as error:
            raise Unavailable(
                f"the issuer's internal answer {self.status} is not readable as {wire.__name__}"
            ) from error


class InternalClient:
    """Speaks to the internal port with the api's credential (``PASEPORT_SERVICE_SECRET``).

    What is asked on behalf of a request carries that request's id; background work has none.
    """

    def __init__(self, client: httpx.AsyncClient, service_secret: Secret[str]) -> None:
        self._client = client
        self._service_secret = service_secret

    async def get(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        statuses: frozenset[int] = frozenset({200}),
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> Answer:
        """Return the answer to a GET. Raises ``Unavailable`` for any status but ``statuses``, and when it is late."""
        return await self._send("GET", path, params, None, statuses, deadline_seconds)

    async def post(self, path: str, body: msgspec.Struct, *, statuses: frozenset[int] = frozenset({200})) -> Answer:
        """Return the answer to a POST of JSON. Raises ``Unavailable`` as ``get`` does."""
        return await self._send("POST", path, None, msgspec.json.encode(body), statuses, DEADLINE_SECONDS)

    async def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: bytes | None,
        statuses: frozenset[int],
        deadline_seconds: float,
    ) -> Answer:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self._service_secret.reveal()}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        if request_id is not None:
            headers["X-Request-Id"] = request_id
        try:
            # The client's own timeouts count each read anew: an answer that drips would never be late.
            async with (
                asyncio.timeout(deadline_seconds),
                self._client.stream(
                    method, path, params=params, content=body, headers=headers, timeout=deadline_seconds
                ) as response,
            ):
                answer = Answer(response.status_code, await _read_bounded(response))
        except Unavailable:
            raise
        # Whatever a transport raises, and within one process whatever the other app raises, is no answer.
        except Exception as error:
            raise Unavailable(f"the issuer's internal port did not answer {method} {path}: {error!r}") from error
        if answer.status not in statuses:
            raise Unavailable(f"the issuer's internal port answered {answer.status} to {method} {path}")
        return answer


async def _read_bounded(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise Unavailable("the issuer's internal answer is too large")
    return bytes(body)
