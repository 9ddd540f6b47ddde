"""Services of others that verify tokens with the published package, each in the way that it may hear of revocations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx
from paseport import InvalidToken, Principal, Unavailable, Verifier
from paseport.redis.settings import Address, RedisSettings
from paseport.secret import Secret
from paseport.sync import SyncVerifier
from paseport_testkit.harness.stack import SERVICE, Stack
from people import Administrator

HTTP: Final = "http"
REDIS: Final = "redis"
BOTH: Final = "redis and http"
WAYS: Final = (HTTP, REDIS, BOTH)
"""With a credential and nothing else; beside Redis, without one; beside Redis, with one."""


class VerifyingService:
    """One service. It is asked from any thread, and starts with its first question."""

    def __init__(self, make: Callable[[], Verifier]) -> None:
        self._verifier = SyncVerifier(make)

    def ask(self, token: str) -> Principal | None:
        """Return the caller, or None where the token is refused. Raises ``Unavailable``."""
        try:
            return self._verifier.verify(token)
        except InvalidToken:
            return None

    def says(self, token: str) -> str:
        """Return what it says of a token: ``let in``, ``refused`` or ``unavailable``."""
        try:
            return "refused" if self.ask(token) is None else "let in"
        except Unavailable:
            return "unavailable"

    def unless(self, expected: str, token: str) -> str | None:
        """None where it says so."""
        said = self.says(token)
        return None if said == expected else f"{said}, not {expected}"

    def unless_roles(self, roles: frozenset[str], token: str) -> str | None:
        """None where it takes the caller for one who holds these roles."""
        try:
            caller = self.ask(token)
        except Unavailable as error:
            return error.reason
        held = None if caller is None else caller.roles
        return None if held == roles else f"{held}, not {roles}"

    def close(self) -> None:
        """End it."""
        self._verifier.close()


class VerifyingServices:
    """One of each way, by its name. As a context manager it ends them."""

    def __init__(self, stack: Stack, credential: tuple[str, str]) -> None:
        client_id, client_secret = credential
        own: Mapping[str, dict[str, Any]] = {
            HTTP: {"client_id": client_id, "client_secret": client_secret},
            REDIS: {"redis": redis_settings(stack)},
            BOTH: {"client_id": client_id, "client_secret": client_secret, "redis": redis_settings(stack)},
        }
        self._stack = stack
        self._services = {way: VerifyingService(self._maker(options)) for way, options in own.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for service in self._services.values():
            service.close()

    def __getitem__(self, way: str) -> VerifyingService:
        return self._services[way]

    def say(self, token: str) -> dict[str, str]:
        """Return what each of them says of a token."""
        return {way: service.says(token) for way, service in self._services.items()}

    def unless(self, expected: Mapping[str, str], token: str) -> str | None:
        """None where each of those that are named says what is expected of it."""
        said = {way: self[way].says(token) for way in expected}
        return None if said == expected else f"{said}, not {expected}"

    def unless_roles(self, roles: frozenset[str], token: str, *ways: str) -> str | None:
        """None where all of them, or those named, take the caller for one who holds these roles."""
        for way in ways or WAYS:
            wrong = self[way].unless_roles(roles, token)
            if wrong is not None:
                return f"{way}: {wrong}"
        return None

    def _maker(self, options: dict[str, Any]) -> Callable[[], Verifier]:
        tls = self._stack.edge.tls()
        return lambda: Verifier(issuer=self._stack.origin, audience=SERVICE, ssl_context=tls, **options)


def register_verifier(admin: Administrator) -> tuple[str, str]:
    """Register a service and return its credential, as an administrator does over HTTP."""
    answer = admin.way.issuer.post(
        "/verifiers/v1",
        json={"name": "A service that verifies", "audience": SERVICE},
        headers={"Authorization": f"Bearer {admin.access_token}"},
    )
    if answer.status_code != httpx.codes.CREATED:
        raise AssertionError(f"no verifier was registered: {answer.status_code} {answer.text}")
    made = answer.json()
    return made["client_id"], made["client_secret"]


def redis_settings(stack: Stack) -> RedisSettings:
    """Return as much as a service is given that may read Redis: its user, and one who asks the Sentinels."""
    user, asks = stack.redis.users.verifier, stack.redis.sentinel_client
    return RedisSettings(
        sentinels=tuple(Address(host, port) for host, port in stack.redis.sentinels),
        master_name=stack.redis.master_name,
        username=user.username,
        password=Secret(user.password),
        sentinel_username=asks.username,
        sentinel_password=Secret(asks.password),
    )
