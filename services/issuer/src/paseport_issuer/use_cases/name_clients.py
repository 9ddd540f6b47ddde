"""What people call the clients that they use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from paseport_shared.domain.errors import Unavailable

from paseport_issuer.use_cases.find_client import FindClient


class NameClients:
    """Finds names to show. A name is worth no error: what cannot be found is called by its id."""

    def __init__(self, find_client: FindClient) -> None:
        self._find_client = find_client

    async def __call__(self, client_ids: Iterable[str]) -> Mapping[str, str]:
        """Return a name for each client. One that was deleted has none any more."""
        return {client_id: await self._name(client_id) for client_id in set(client_ids)}

    async def _name(self, client_id: str) -> str:
        try:
            client = await self._find_client(client_id)
        except Unavailable:
            return client_id
        return client_id if client is None else client.name
