"""A person's own sessions, devices and consents on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from paseport_issuer.use_cases.read_consents import NamedConsent
from paseport_issuer.use_cases.read_own_access import NamedClient, OwnAccess, OwnDevice, OwnSession


class SignedInClientResponse(msgspec.Struct, frozen=True):
    """A client that is signed in. ``name`` is its id where no better one is known."""

    client_id: str
    name: str

    @staticmethod
    def of(client: NamedClient) -> SignedInClientResponse:
        """Return the answer for a client."""
        return SignedInClientResponse(client.client_id, client.name)


class SessionResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in of one browser; ``current``: of the one that asks. ``clients`` end with it."""

    id: str
    user_agent: str | None
    address: str | None
    signed_in_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    current: bool
    clients: list[SignedInClientResponse]

    @staticmethod
    def of(own: OwnSession) -> SessionResponse:
        """Return the answer for a session."""
        session = own.session
        return SessionResponse(
            id=session.id,
            user_agent=session.user_agent,
            address=session.address,
            signed_in_at=session.auth_time,
            last_seen_at=session.last_seen_at,
            expires_at=session.expires_at,
            current=own.current,
            clients=[SignedInClientResponse.of(client) for client in own.clients],
        )


class DeviceResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A client that stays signed in when the browser signs out; ``current``: it is the one that asks."""

    id: str
    client_id: str
    name: str
    scope: list[str]
    signed_in_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool

    @staticmethod
    def of(own: OwnDevice) -> DeviceResponse:
        """Return the answer for an offline family."""
        family = own.family
        return DeviceResponse(
            id=family.id,
            client_id=own.client.client_id,
            name=own.client.name,
            scope=list(family.scope),
            signed_in_at=family.opened_at,
            last_used_at=family.advanced_at,
            expires_at=family.expires_at,
            current=own.current,
        )


class AccessResponse(msgspec.Struct, frozen=True):
    """Everything through which somebody is signed in, the most recently used first."""

    sessions: list[SessionResponse]
    devices: list[DeviceResponse]

    @staticmethod
    def of(access: OwnAccess) -> AccessResponse:
        """Return the answer for somebody's access."""
        return AccessResponse(
            [SessionResponse.of(session) for session in access.sessions],
            [DeviceResponse.of(device) for device in access.devices],
        )


class ConsentResponse(msgspec.Struct, frozen=True):
    """What somebody allowed a client. ``name`` is its id where no better one is known."""

    client_id: str
    name: str
    scope: list[str]
    granted_at: datetime


class ConsentListResponse(msgspec.Struct, frozen=True):
    """Everything that somebody allowed, the newest first."""

    items: list[ConsentResponse]

    @staticmethod
    def of(consents: Sequence[NamedConsent]) -> ConsentListResponse:
        """Return the answer for consents."""
        return ConsentListResponse(
            [
                ConsentResponse(named.consent.client_id, named.client_name, list(named.scope), named.consent.granted_at)
                for named in consents
            ]
        )
