"""Registering verifiers."""

from __future__ import annotations

from dataclasses import dataclass

from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.client import Client, ClientAuthMethod, ClientKind

from paseport_issuer.use_cases.create_client import CreateClient, CreateClientCommand, NewSecret
from paseport_issuer.use_cases.new_ids import NewIds


@dataclass(frozen=True, slots=True)
class CreateVerifierCommand:
    """A service that is to follow revocations; ``audience`` is what the tokens that it takes are for."""

    name: str
    audience: str
    actor: Actor


class CreateVerifier:
    """Stores what ``CreateClient`` stores, under an id that nobody chose: it means nothing and collides with none."""

    def __init__(self, create: CreateClient, ids: NewIds) -> None:
        self._create = create
        self._ids = ids

    async def __call__(self, command: CreateVerifierCommand) -> NewSecret:
        """Return the verifier with its first secret. Raises ``ValidationFailed`` and ``Unavailable``."""
        verifier = Client(
            self._ids.verifier_id(),
            name=command.name,
            first_party=False,
            scope=(),
            audience=command.audience,
            auth_method=ClientAuthMethod.BASIC,
            kind=ClientKind.VERIFIER,
        )
        made = await self._create(CreateClientCommand(verifier, command.actor))
        if not isinstance(made, NewSecret):
            message = "a verifier was made without a secret"
            raise TypeError(message)
        return made
