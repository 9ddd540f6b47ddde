"""Asking the issuer what an API key is."""

from __future__ import annotations

from typing import Final

import msgspec
from paseport.issuer_client import Answer

from paseport_shared.adapters.issuer.internal_client import InternalClient
from paseport_shared.api_key_state import decode_answer
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.api_key import ApiKey

PATH: Final = "/internal/v1/api-keys"
_ANSWERS: Final = frozenset({200, 404})


class _ById(msgspec.Struct, frozen=True):
    id: str


class _ByDigest(msgspec.Struct, frozen=True):
    legacy_digest: str


class _Problem(msgspec.Struct, frozen=True):
    code: str


class IssuerApiKeys:
    """``ApiKeyFinder`` over the issuer's internal port: it has the record."""

    def __init__(self, client: InternalClient) -> None:
        self._client = client

    async def find(self, key_id: str) -> ApiKey | None:
        """See ``ApiKeyFinder.find``. Every answer but the two that the issuer gives is ``Unavailable``."""
        key = await self._ask(_ById(key_id))
        if key is not None and key.id != key_id:
            raise Unavailable("the issuer answered for another API key")
        return key

    async def find_legacy(self, digest: str) -> ApiKey | None:
        """See ``ApiKeyFinder.find_legacy``."""
        key = await self._ask(_ByDigest(digest))
        if key is not None and key.legacy_digest != digest:
            raise Unavailable("the issuer answered for another API key")
        return key

    async def _ask(self, query: msgspec.Struct) -> ApiKey | None:
        answer = await self._client.post(PATH, query, statuses=_ANSWERS)
        if answer.status == 404:
            require_said_by_issuer(answer)
            return None
        try:
            return decode_answer(answer.body)
        except (msgspec.MsgspecError, ValueError) as error:
            raise Unavailable("the issuer's answer about an API key cannot be read") from error


def require_said_by_issuer(answer: Answer) -> None:
    """Tell "there is none" from a 404 of whatever else may listen at this address. Raises ``Unavailable``."""
    if answer.read_as(_Problem).code != "not_found":
        raise Unavailable("the issuer's address answered 404 without saying that there is nothing")
