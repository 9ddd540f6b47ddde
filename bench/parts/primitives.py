"""What the single steps cost inside one process. Printed, mostly without gates: absolute times belong to a machine."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from paseport.secret import Secret
from paseport.token_verifier import TokenVerifier
from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.issue_tokens import IssuedTokens
from paseport_issuer.use_cases.login_local import LoginLocalCommand
from paseport_issuer.use_cases.refresh_tokens import RefreshCommand
from paseport_shared.domain.errors import InvalidToken
from paseport_shared.domain.models.audit import Actor, AuditEvent
from paseport_shared.domain.models.client import built_in_clients
from paseport_shared.domain.models.identifiers import uuid7
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import RecordTransaction

from bench.figures import Bound, Figure, Gate, figure_of
from bench.issuer import OpenIssuer, open_issuer
from bench.product import PASSWORD

_ROUNDS: Final = 5
_SECONDS: Final = 0.2
"""Of one step in one round."""
_COST: Final = 4
_MUTATED: Final = 100_000
_CHARACTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
_CALLER: Final = Caller(address="192.0.2.7", user_agent="bench", request_id=None)

Step = Callable[[], Awaitable[object]]


async def measure_primitives() -> Sequence[Figure]:
    """Take turns between the steps, each for a fifth of a second."""
    with tempfile.TemporaryDirectory(prefix="paseport-bench-") as folder:
        async with open_issuer(Path(folder), _COST) as opened:
            steps, token = await _steps(opened)
            figures = await _take_turns(steps)
            return [*figures, *await _mutate(opened.adapters.token_verifier, token)]


async def _steps(opened: OpenIssuer) -> tuple[dict[str, Step], str]:
    use, adapters = opened.issuer.use, opened.adapters
    user = await opened.add_user("measured")
    issued = await use.login_local(LoginLocalCommand(user.username, Secret(PASSWORD), _CALLER))
    assert isinstance(issued, IssuedTokens)
    token = issued.access_token.value
    claims = await adapters.token_verifier.verify(token)
    key = await adapters.signing_keys.active()
    (app_client, _) = built_in_clients(claims.issuer)
    message = token.encode()
    refresh_token = issued.refresh_token

    async def refresh() -> None:
        nonlocal refresh_token
        again = await use.refresh_tokens(RefreshCommand(refresh_token, app_client, _CALLER))
        refresh_token = again.refresh_token

    async def find(transaction: RecordTransaction) -> User | None:
        return await transaction.users.find_by_login(user.username)

    async def audit() -> None:
        now = adapters.clock.now()
        event_id = uuid7(now, adapters.randomness.token_bytes(10))
        event = AuditEvent(event_id, now, Actor(str(user.id), "bff"), "session.started", str(user.id))
        await opened.record.transact(lambda transaction: transaction.audit.append(event))

    steps: dict[str, Step] = {
        "Ed25519 sign": lambda: opened.keys.sign(message, key_version=key.version),
        "access token: sign and check it": lambda: adapters.token_signer.sign(replace(claims, key_id="")),
        "access token: verify": lambda: adapters.token_verifier.verify(token),
        "refresh, without HTTP": refresh,
        "SQLite transaction that reads a user": lambda: opened.record.transact(find),
        "SQLite transaction that writes an audit event": audit,
    }
    return steps, token


async def _take_turns(steps: dict[str, Step]) -> list[Figure]:
    rounds: dict[str, list[float]] = {what: [] for what in steps}
    for _ in range(_ROUNDS):
        for what, step in steps.items():
            began, count = time.perf_counter(), 0
            while (seconds := time.perf_counter() - began) < _SECONDS:
                await step()
                count += 1
            rounds[what].append(seconds / count * 1e6)
    return [figure_of(what, "µs", microseconds) for what, microseconds in rounds.items()]


async def _mutate(verifier: TokenVerifier, token: str) -> list[Figure]:
    """Change one character of a good token, another one every time, and verify that."""
    generator = random.Random(0)
    accepted, refused_per_second = 0, []
    for _ in range(_ROUNDS):
        tokens = [_mutated(token, generator) for _ in range(_MUTATED // _ROUNDS)]
        began = time.perf_counter()
        for mutated in tokens:
            try:
                await verifier.verify(mutated)
            except InvalidToken:
                continue
            accepted += 1
        refused_per_second.append(len(tokens) / (time.perf_counter() - began))
    return [
        figure_of(f"mutated tokens, {_MUTATED}", "/s", refused_per_second),
        Figure("… accepted", "", accepted, accepted, accepted, Gate(Bound.AT_MOST, 0)),
    ]


def _mutated(token: str, generator: random.Random) -> str:
    position = generator.randrange(len(token))
    other = generator.choice(_CHARACTERS.replace(token[position], ""))
    return token[:position] + other + token[position + 1 :]
