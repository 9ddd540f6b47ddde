"""Requests to the issuer's internal port."""

from __future__ import annotations

from typing import Final

import httpx
from paseport.issuer_client import IssuerClient
from paseport.secret import Secret

from paseport_shared.request_context import current_request_id

FEED_PATH: Final = "/internal/v1/feed"
PRINCIPALS_PATH: Final = "/internal/v1/principals"


class InternalClient(IssuerClient):
    """Speaks to the internal port with the api's credential (``PASEPORT_SERVICE_SECRET``).

    What is asked on behalf of a request carries that request's id; background work has none.
    """

    def __init__(self, client: httpx.AsyncClient, service_secret: Secret[str]) -> None:
        super().__init__(client, self._headers_of_now, remedy="PASEPORT_SERVICE_SECRET must be the issuer's")
        self._service_secret = service_secret

    def _headers_of_now(self) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self._service_secret.reveal()}"}
        request_id = current_request_id()
        return headers if request_id is None else {**headers, "X-Request-Id": request_id}
