"""Which client is asking: at the OAuth endpoints (RFC 6749 §2.3), or a verifier at its own."""

from __future__ import annotations

from dataclasses import dataclass

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.errors import InvalidClient
from paseport_shared.domain.models.client import Client, ClientAuthMethod

from paseport_issuer.use_cases.find_client import ClientLookup


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """What a client presented, and how; ``secret`` is None for a public client, which only says its id."""

    client_id: str
    method: ClientAuthMethod
    secret: Secret[str] | None = None


class AuthenticateClient:
    """One answer and one amount of work for unknown, disabled, and wrongly authenticated clients (TE-05)."""

    def __init__(self, find_client: ClientLookup, clock: Clock) -> None:
        self._find_client = find_client
        self._clock = clock

    async def __call__(self, credentials: ClientCredentials) -> Client:
        """Return the client. Raises ``InvalidClient`` and ``Unavailable``.

        A client authenticates in the way it is registered for and in no other one (TE-04): a secret where none is
        expected is refused like a missing one.
        """
        client = await self._find_client(credentials.client_id)
        held = client if client is not None else _NOBODY
        # Hashed and compared also where it cannot fit: what takes less time would tell which clients exist.
        is_authentic = held.is_authentic(credentials.secret or Secret(""), self._clock.now())
        if held.is_public:
            is_authentic = credentials.secret is None
        if client is None:
            raise InvalidClient("unknown client")
        if credentials.method is not client.auth_method:
            raise InvalidClient(f"client {client.client_id} authenticated by {credentials.method.value}")
        if not is_authentic:
            raise InvalidClient(f"wrong secret of client {client.client_id}")
        if client.disabled:
            raise InvalidClient(f"client {client.client_id} is disabled")
        return client


_NOBODY = Client("", name="", first_party=False, scope=(), audience="", auth_method=ClientAuthMethod.BASIC)
