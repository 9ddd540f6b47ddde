"""An issuer without its process: the real use cases and handlers, a SQLite record, the rest in memory.

For what the product cannot be asked over HTTP: single steps, and thousands of sign-ins at a low bcrypt cost.
``python -m bench.issuer COST ACCOUNTS`` serves one with accounts in it and prints its port.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import uvloop
from paseport_issuer.app import Issuer
from paseport_issuer.settings import Settings
from paseport_issuer.use_cases.change_user import ChangeUserCommand, UserChange
from paseport_issuer.use_cases.create_user import CreateUserCommand
from paseport_issuer.wiring import IssuerAdapters
from paseport_shared.adapters.bcrypt.password_hasher import BcryptPasswordHasher
from paseport_shared.adapters.keyfile.key_file import KeyFile
from paseport_shared.adapters.memory.attempt_limiter import MemoryAttemptLimiter
from paseport_shared.adapters.memory.pending_record import MemoryPendingRecord
from paseport_shared.adapters.memory.refresh_token_store import MemoryRefreshTokenStore
from paseport_shared.adapters.memory.revocation_feed import MemoryRevocationFeed
from paseport_shared.adapters.memory.role_directory import MemoryRoleDirectory
from paseport_shared.adapters.memory.session_store import MemorySessionStore
from paseport_shared.adapters.paseto.key_document import KeyDocument
from paseport_shared.adapters.paseto.token_signer import PasetoTokenSigner
from paseport_shared.adapters.paseto.token_verifier import PasetoTokenVerifier
from paseport_shared.adapters.sql import migrations
from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.adapters.sql.record import SqlRecord
from paseport_shared.adapters.system.clock import SystemClock
from paseport_shared.adapters.system.randomness import SystemRandomness
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.client import api_audience
from paseport_shared.domain.models.secret import Secret
from paseport_shared.domain.models.user import User
from paseport_shared.http.logging import configure_logging
from paseport_shared.http.server import serve, stop_on_signals
from paseport_standalone import ports

from bench.product import PASSWORD

_ORIGIN: Final = "http://localhost"
_ACTOR: Final = Actor("00000000-0000-7000-8000-000000000001", "cli")


@dataclass(frozen=True, slots=True)
class OpenIssuer:
    """An issuer and what it was made of. ``keys`` signs and verifies."""

    issuer: Issuer
    adapters: IssuerAdapters
    keys: KeyFile
    record: SqlRecord

    async def add_user(self, username: str, *, disabled: bool = False) -> User:
        """Create a user with role User and ``PASSWORD``."""
        use = self.issuer.use
        user = await use.create_user(
            CreateUserCommand(username, f"{username}@example.com", None, frozenset({"User"}), Secret(PASSWORD), _ACTOR)
        )
        if not disabled:
            return user
        change = UserChange(frozenset({"disabled"}), disabled=True)
        return await use.change_user(ChangeUserCommand(user.id, user.revision, change, _ACTOR))


@contextlib.asynccontextmanager
async def open_issuer(folder: Path, cost: int) -> AsyncIterator[OpenIssuer]:
    """Make an issuer whose record and keys lie in ``folder`` and whose passwords are hashed at ``cost``."""
    clock, randomness = SystemClock(), SystemRandomness()
    url = f"sqlite:///{folder / 'record.db'}"
    await migrations.upgrade(url)
    engine = create_engine_for(url)
    settings = Settings(
        access_token_issuer=_ORIGIN,
        refresh_key=Secret(randomness.token_bytes(32)),
        service_secret=Secret(randomness.token_bytes(32).hex()),
        cookie_secure=False,
        login_attempts_per_address=1_000_000,
    )
    keys = KeyFile(folder / "keys.json", clock, randomness)
    hasher = BcryptPasswordHasher({1: Secret(randomness.token_bytes(32))}, 1, cost)
    feed = MemoryRevocationFeed(1)
    record = SqlRecord(engine)
    adapters = IssuerAdapters(
        record=record,
        sessions=MemorySessionStore(settings.session_policy),
        families=MemoryRefreshTokenStore(settings.refresh_policy),
        roles=MemoryRoleDirectory(),
        limiter=MemoryAttemptLimiter(),
        publisher=feed,
        feed=feed,
        pending=MemoryPendingRecord(),
        hasher=hasher,
        signing_keys=keys,
        token_signer=PasetoTokenSigner(keys, keys),
        token_verifier=PasetoTokenVerifier(
            keys, issuer=_ORIGIN, audience=api_audience(_ORIGIN), max_lifetime=timedelta(hours=1), clock=clock
        ),
        key_document=KeyDocument(keys),
        clock=clock,
        randomness=randomness,
    )
    try:
        yield OpenIssuer(Issuer(settings, adapters), adapters, keys, record)
    finally:
        hasher.close()
        await engine.dispose()


async def _serve(cost: int, accounts: int) -> None:
    configure_logging("INFO", sys.stderr.buffer)
    stop = asyncio.Event()
    stop_on_signals(stop)
    with tempfile.TemporaryDirectory(prefix="paseport-bench-") as folder, ports.listen(0, "SERVER_PORT") as listener:
        async with open_issuer(Path(folder), cost) as opened:
            for number in range(accounts):
                await opened.add_user(f"active{number:05}")
                await opened.add_user(f"closed{number:05}", disabled=True)
            app = opened.issuer.public_app()
            async with app.lifespan():
                sys.stdout.write(f"{listener.getsockname()[1]}\n")
                sys.stdout.flush()
                await serve([(app, listener)], stop)


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
