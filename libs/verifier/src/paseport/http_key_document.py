"""Fetching a key document over HTTP."""

import re
from typing import Final

import httpx

MAX_DOCUMENT_BYTES: Final = 64 * 1024
DEFAULT_MAX_AGE_SECONDS: Final = 60.0

_MAX_AGE = re.compile(r'max-age="?([0-9]{1,9})"?', re.IGNORECASE)


class HttpKeyDocument:
    """The key document at one URL, as ``RemoteKeySet`` fetches it.

    Answers the bytes and the ``max-age`` of ``Cache-Control`` (RFC 9111 §5.2.2.1; 60 s where it has none). Raises
    ``httpx.HTTPError`` for anything but a 200, a redirect included, and for a body over 64 KiB. The body is asked for
    uncompressed, so that its size on the wire is its size.
    """

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self._url = url
        self._client = client

    async def __call__(self) -> tuple[bytes, float]:
        """Fetch it once."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with self._client.stream("GET", self._url, headers=headers, follow_redirects=False) as response:
            if response.status_code != httpx.codes.OK:
                raise httpx.HTTPStatusError(
                    f"the key document answered {response.status_code}",
                    request=response.request,
                    response=response,
                )
            document = bytearray()
            async for chunk in response.aiter_raw():
                document += chunk
                if len(document) > MAX_DOCUMENT_BYTES:
                    raise httpx.DecodingError("key document over 64 KiB", request=response.request)
            return bytes(document), _max_age_seconds(response.headers.get("Cache-Control", ""))


def _max_age_seconds(cache_control: str) -> float:
    directives = [directive.strip().lower() for directive in cache_control.split(",")]
    if "no-store" in directives or "no-cache" in directives:
        return 0.0
    ages = [match for directive in directives if (match := _MAX_AGE.fullmatch(directive)) is not None]
    return float(ages[0][1]) if ages else DEFAULT_MAX_AGE_SECONDS
