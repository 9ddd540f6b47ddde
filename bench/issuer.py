"""An issuer without its process: the real use cases and handlers, a SQLite record and a key file, the rest in memory.

For what the product cannot be asked over HTTP: single steps, and thousands of sign-ins at a low bcrypt cost. With Redis
it keeps there what an installation keeps there, so that refreshing can be measured without Vault.
``python -m bench.issuer COST ACCOUNTS`` serves one with accounts in it and prints its port; ``--redis`` reads the
settings of an installation's Redis from the environment.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import uvloop
from paseport.clock import SystemClock
from paseport.redis.access import RedisAccess
from paseport.secret import Secret
from paseport.token_verifier import TokenVerifier
from paseport_issuer.app import Issuer
from paseport_issuer.settings import Settings
from paseport_issuer.use_cases.change_user import ChangeUserCommand, UserChange
from paseport_issuer.use_cases.create_user import CreateUserCommand
from paseport_issuer.use_cases.keep_signing_keys import KeepSigningKeys
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.wiring import IssuerAdapters
from paseport_shared.adapters.bcrypt.password_hasher import BcryptPasswordHasher
from paseport_shared.adapters.jose.id_token_reader import JoseIdTokenReader
from paseport_shared.adapters.jose.id_token_signer import JoseIdTokenSigner
from paseport_shared.adapters.jose.jwks_document import JwksDocument
from paseport_shared.adapters.keyfile.data_key import KeyFileCipher
from paseport_shared.adapters.keyfile.key_file import KeyFile
from paseport_shared.adapters.keyfile.rsa_key_file import RsaKeyFile
from paseport_shared.adapters.memory.api_key_directory import MemoryApiKeyDirectory
from paseport_shared.adapters.memory.api_key_usage import MemoryApiKeyUsage
from paseport_shared.adapters.memory.attempt_limiter import MemoryAttemptLimiter
from paseport_shared.adapters.memory.authorization_code_store import MemoryAuthorizationCodeStore
from paseport_shared.adapters.memory.client_directory import MemoryClientDirectory
from paseport_shared.adapters.memory.pending_record import MemoryPendingRecord
from paseport_shared.adapters.memory.refresh_token_store import MemoryRefreshTokenStore
from paseport_shared.adapters.memory.revocation_feed import MemoryRevocationFeed
from paseport_shared.adapters.memory.role_directory import MemoryRoleDirectory
from paseport_shared.adapters.memory.session_store import MemorySessionStore
from paseport_shared.adapters.memory.single_use_store import MemorySingleUseStore
from paseport_shared.adapters.memory.transaction_store import MemoryTransactionStore
from paseport_shared.adapters.oidc.upstream_providers import OidcUpstreamProviders
from paseport_shared.adapters.outbound.guarded_client import GuardedHttpClient
from paseport_shared.adapters.paseto.key_document import KeyDocument
from paseport_shared.adapters.paseto.own_keys import OwnKeys
from paseport_shared.adapters.paseto.token_signer import PasetoTokenSigner
from paseport_shared.adapters.redis.attempt_limiter import RedisAttemptLimiter
from paseport_shared.adapters.redis.pending_record import RedisPendingRecord
from paseport_shared.adapters.redis.refresh_token_store import RedisRefreshTokenStore
from paseport_shared.adapters.redis.revocation_publisher import RedisRevocationPublisher
from paseport_shared.adapters.redis.role_directory import RedisRoleDirectory
from paseport_shared.adapters.redis.session_store import RedisSessionStore
from paseport_shared.adapters.sql import migrations
from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.adapters.sql.record import SqlRecord
from paseport_shared.adapters.system.randomness import SystemRandomness
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.client import api_audience
from paseport_shared.domain.models.edge_session import HandoverTicket
from paseport_shared.domain.models.external_sign_in import ExternalSignIn, PendingLink
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.attempt_limiter import AttemptLimiter
from paseport_shared.domain.ports.pending_record import PendingRecord
from paseport_shared.domain.ports.refresh_token_store import RefreshTokenStore
from paseport_shared.domain.ports.role_directory import RoleDirectory
from paseport_shared.domain.ports.session_store import SessionStore
from paseport_shared.http.logging import configure_logging
from paseport_shared.http.server import serve, spare_what_lasts, stop_on_signals
from paseport_shared.production_settings import RedisVariables
from paseport_shared.settings import load_settings
from paseport_shared.wiring import redis_settings
from paseport_standalone import ports

from bench.product import PASSWORD

LOWEST_COST: Final = 4
"""The cheapest bcrypt there is, for parts that measure something else."""
ORIGIN: Final = "http://localhost"
_ACTOR: Final = Actor("00000000-0000-7000-8000-000000000001", "cli")


@dataclass(frozen=True, slots=True)
class OpenIssuer:
    """An issuer and what it was made of. ``keys`` signs."""

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


@dataclass(frozen=True, slots=True)
class _Stores:
    """What is kept in Redis by an installation."""

    sessions: SessionStore
    families: RefreshTokenStore
    roles: RoleDirectory
    limiter: AttemptLimiter
    feed: MemoryRevocationFeed | RedisRevocationPublisher
    pending: PendingRecord

    @classmethod
    def in_memory(cls, settings: Settings) -> _Stores:
        return cls(
            sessions=MemorySessionStore(settings.session_policy),
            families=MemoryRefreshTokenStore(settings.refresh_policy),
            roles=MemoryRoleDirectory(),
            limiter=MemoryAttemptLimiter(),
            feed=MemoryRevocationFeed(1),
            pending=MemoryPendingRecord(),
        )

    @classmethod
    def in_redis(cls, settings: Settings, redis: RedisAccess) -> _Stores:
        return cls(
            sessions=RedisSessionStore(redis, settings.session_policy),
            families=RedisRefreshTokenStore(redis, settings.refresh_policy),
            roles=RedisRoleDirectory(redis),
            limiter=RedisAttemptLimiter(redis),
            feed=RedisRevocationPublisher(redis),
            pending=RedisPendingRecord(redis),
        )


@contextlib.asynccontextmanager
async def open_issuer(folder: Path, cost: int, redis: RedisVariables | None = None) -> AsyncIterator[OpenIssuer]:
    """Make an issuer whose record and keys lie in ``folder`` and whose passwords are hashed at ``cost``."""
    clock, randomness = SystemClock(), SystemRandomness()
    url = f"sqlite:///{folder / 'record.db'}"
    await migrations.upgrade(url)
    settings = Settings(
        access_token_issuer=ORIGIN,
        refresh_key=Secret(randomness.token_bytes(32)),
        api_key_pepper=Secret(randomness.token_bytes(32).hex()),
        service_secret=Secret(randomness.token_bytes(32).hex()),
        bff_client_secret=Secret(randomness.token_bytes(32).hex()),
        cookie_secure=False,
        login_attempts_per_address=1_000_000,
    )
    holder = KeyFile(folder / "keys.json", clock, randomness)
    id_holder = RsaKeyFile(folder / "id-keys.json", clock)
    async with AsyncExitStack() as stack:
        engine = create_engine_for(url)
        stack.push_async_callback(engine.dispose)
        record = SqlRecord(engine)
        keys, id_keys = (
            KeepSigningKeys(
                key_name=name,
                record=record,
                holder=held,
                document_max_age=settings.key_document_max_age,
                clock=clock,
                ids=NewIds(clock, randomness),
            )
            for name, held in (("paseport-access", holder), ("paseport-id", id_holder))
        )
        await keys.load()
        await id_keys.load()
        hasher = BcryptPasswordHasher({1: Secret(randomness.token_bytes(32))}, 1, cost)
        stack.callback(hasher.close)
        if redis is None:
            stores = _Stores.in_memory(settings)
        else:
            access = await stack.enter_async_context(RedisAccess(redis_settings(redis)))
            stores = _Stores.in_redis(settings, access)
        adapters = IssuerAdapters(
            record=record,
            sessions=stores.sessions,
            families=stores.families,
            transactions=MemoryTransactionStore(),
            external_sign_ins=MemorySingleUseStore[ExternalSignIn](),
            pending_links=MemorySingleUseStore[PendingLink](),
            handovers=MemorySingleUseStore[HandoverTicket](),
            codes=MemoryAuthorizationCodeStore(),
            roles=stores.roles,
            clients=MemoryClientDirectory(),
            api_keys=MemoryApiKeyDirectory(),
            api_key_usage=MemoryApiKeyUsage(),
            limiter=stores.limiter,
            publisher=stores.feed,
            feed=stores.feed,
            pending=stores.pending,
            hasher=hasher,
            upstream=OidcUpstreamProviders(GuardedHttpClient(), clock),
            cipher=KeyFileCipher(folder / "data-keys.json", randomness),
            signing_keys=keys,
            token_signer=PasetoTokenSigner(keys, holder),
            token_verifier=TokenVerifier(
                OwnKeys(keys),
                issuer=ORIGIN,
                audience=api_audience(ORIGIN),
                max_lifetime=timedelta(hours=1),
                clock=clock,
            ),
            any_token_verifier=TokenVerifier(
                OwnKeys(keys), issuer=ORIGIN, audience=None, max_lifetime=timedelta(hours=1), clock=clock
            ),
            key_document=KeyDocument(keys),
            id_keys=id_keys,
            id_token_signer=JoseIdTokenSigner(id_keys, id_holder),
            id_token_reader=JoseIdTokenReader(id_keys, issuer=ORIGIN),
            jwks_document=JwksDocument(id_keys),
            clock=clock,
            randomness=randomness,
        )
        yield OpenIssuer(Issuer(settings, adapters), adapters, holder, record)


async def _serve(cost: int, accounts: int, redis: RedisVariables | None) -> None:
    configure_logging("INFO", sys.stderr.buffer)
    stop = asyncio.Event()
    stop_on_signals(stop)
    with tempfile.TemporaryDirectory(prefix="paseport-bench-") as folder, ports.listen(0, "SERVER_PORT") as listener:
        async with open_issuer(Path(folder), cost, redis) as opened:
            for number in range(accounts):
                await opened.add_user(active_user(number))
                await opened.add_user(f"closed{number:05}", disabled=True)
            app = opened.issuer.public_app()
            async with app.lifespan():
                spare_what_lasts()
                sys.stdout.write(f"{listener.getsockname()[1]}\n")
                sys.stdout.flush()
                await serve([(app, listener)], stop)


def active_user(number: int) -> str:
    """Return the name of one of the accounts that may sign in."""
    return f"active{number:05}"


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m bench.issuer")
    parser.add_argument("cost", type=int)
    parser.add_argument("accounts", type=int, help="how many of each kind: active and disabled")
    parser.add_argument("--redis", action="store_true")
    arguments = parser.parse_args()
    redis = load_settings(RedisVariables) if arguments.redis else None
    uvloop.run(_serve(arguments.cost, arguments.accounts, redis))


if __name__ == "__main__":
    main()
