"""The embedded mode: issuer, api and app in one process, with adapters that need no server.

Plain constructor calls, read top to bottom. What Redis does in production is in memory here, MariaDB is a SQLite file,
Vault a key file; use cases, handlers and the split between issuer and api are the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import httpx
from paseport.clock import SystemClock
from paseport.http_key_document import HttpKeyDocument
from paseport.issuer_client import open_http_client
from paseport.issuer_feed import IssuerFeed
from paseport.issuer_subjects import IssuerSubjects
from paseport.key_set import RemoteKeySet
from paseport.secret import Secret
from paseport.token_cache import TokenCache
from paseport.token_verifier import TokenVerifier
from paseport.verifier import KEY_DOCUMENT_PATH
from paseport_api.app import Api
from paseport_api.policies import open_policies
from paseport_api.settings import Settings as ApiSettings
from paseport_api.wiring import ApiAdapters, EdgeAdapters
from paseport_issuer.app import Issuer
from paseport_issuer.settings import Settings as IssuerSettings
from paseport_issuer.use_cases.ensure_accounts import FirstAdmin
from paseport_issuer.use_cases.keep_signing_keys import KeepSigningKeys
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.wiring import UPSTREAM_CALLS, IssuerAdapters
from paseport_shared.adapters.bcrypt.password_hasher import BcryptPasswordHasher
from paseport_shared.adapters.issuer.api_keys import IssuerApiKeys
from paseport_shared.adapters.issuer.handovers import IssuerHandovers
from paseport_shared.adapters.issuer.internal_client import FEED_PATH, PRINCIPALS_PATH, InternalClient
from paseport_shared.adapters.issuer.issuer_monitor import IssuerMonitor
from paseport_shared.adapters.issuer.usernames import IssuerUsernames
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
from paseport_shared.adapters.memory.decision_log import MemoryDecisionLog
from paseport_shared.adapters.memory.pending_record import MemoryPendingRecord
from paseport_shared.adapters.memory.refresh_token_store import MemoryRefreshTokenStore
from paseport_shared.adapters.memory.revocation_feed import MemoryRevocationFeed
from paseport_shared.adapters.memory.role_directory import MemoryRoleDirectory
from paseport_shared.adapters.memory.session_store import MemorySessionStore
from paseport_shared.adapters.memory.shared_rates import MemorySharedRates
from paseport_shared.adapters.memory.single_use_store import MemorySingleUseStore
from paseport_shared.adapters.memory.transaction_store import MemoryTransactionStore
from paseport_shared.adapters.oidc.upstream_providers import OidcUpstreamProviders
from paseport_shared.adapters.outbound.guarded_client import GuardedHttpClient
from paseport_shared.adapters.paseto.key_document import KeyDocument
from paseport_shared.adapters.paseto.own_keys import OwnKeys
from paseport_shared.adapters.paseto.token_signer import PasetoTokenSigner
from paseport_shared.adapters.sql import migrations
from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.adapters.sql.record import SqlRecord
from paseport_shared.adapters.system.randomness import SystemRandomness
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.client import api_audience
from paseport_shared.domain.models.edge_session import HandoverTicket
from paseport_shared.domain.models.external_sign_in import ExternalSignIn, PendingLink
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_standalone.app_build import AppBuild
from paseport_standalone.asgi import ASGIApp
from paseport_standalone.data_folder import DataFolder
from paseport_standalone.dispatch import Dispatch, InternalDispatch
from paseport_standalone.ports import origin_of
from paseport_standalone.settings import EmbeddedSettings
from paseport_standalone.spa import Spa

_PEPPER_VERSION: Final = 1
ACCESS_KEY_NAME: Final = "paseport-access"
ID_KEY_NAME: Final = "paseport-id"
"""What the keys in the files are called on record: as in Vault."""
_ACTOR: Final = Actor("paseport", "paseport")
_IN_PROCESS: Final = "http://issuer.internal"
"""A name for addresses that never become a connection."""
_MAX_LIFETIME: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Embedded:
    """The two applications, ready to be served, and the administrator who was made at this start, if one was."""

    public: ASGIApp
    internal: ASGIApp
    first_admin: FirstAdmin | None


@asynccontextmanager
async def open_embedded(
    settings: EmbeddedSettings, folder: DataFolder, build: AppBuild, port: int, internal_port: int
) -> AsyncIterator[Embedded]:
    """Open everything; close it at the end, when what still waits for the record is brought there.

    The caller holds the folder's lock. Raises ``DataFolderProblem``, ``KeyFileProblem``, ``Unavailable``.
    """
    origin = origin_of(port)
    clock, randomness = SystemClock(), SystemRandomness()
    secrets = folder.load_secrets(randomness)
    await migrations.upgrade(folder.database_url)

    async with AsyncExitStack() as stack:
        engine = create_engine_for(folder.database_url)
        stack.push_async_callback(engine.dispose)
        record = SqlRecord(engine)
        holder = KeyFile(folder.key_file, clock, randomness, first_version=await _next_version(record, ACCESS_KEY_NAME))
        id_holder = RsaKeyFile(folder.id_key_file, clock, first_version=await _next_version(record, ID_KEY_NAME))
        hasher = BcryptPasswordHasher(
            {_PEPPER_VERSION: secrets.password_pepper}, _PEPPER_VERSION, settings.password_work_factor
        )
        stack.callback(hasher.close)

        issuer_settings = IssuerSettings(
            access_token_issuer=origin,
            refresh_key=secrets.refresh_key,
            service_secret=secrets.service_secret,
            api_key_pepper=secrets.api_key_pepper,
            edge_hosts=settings.edge_hosts,
            cli_secret=secrets.cli_secret,
            key_document_max_age=settings.key_document_max_age,
            cookie_secure=False,
            allowed_hosts=(origin.removeprefix("http://"),),
            login_attempts_per_address=settings.login_attempts_per_address,
            # Of this start alone: only the issuer itself uses it, and a restart ends all sessions.
            bff_client_secret=Secret(randomness.token_bytes(32).hex()),
            mobile_redirect_uris=settings.mobile_redirect_uris,
            oauth_clients_json=settings.oauth_clients_json,
        )
        outbound = GuardedHttpClient(settings.outbound.allowed_targets, settings.outbound.ca, max_calls=UPSTREAM_CALLS)
        stack.callback(outbound.close)
        sessions = MemorySessionStore(issuer_settings.session_policy)
        roles = MemoryRoleDirectory()
        api_keys, api_key_usage = MemoryApiKeyDirectory(), MemoryApiKeyUsage()
        # The moment of the start, so that a verifier's position of an earlier start means nothing.
        feed = MemoryRevocationFeed(time.time_ns() // 1_000_000)
        keys, id_keys = (
            KeepSigningKeys(
                key_name=name,
                record=record,
                holder=held,
                document_max_age=issuer_settings.key_document_max_age,
                clock=clock,
                ids=NewIds(clock, randomness),
            )
            for name, held in ((ACCESS_KEY_NAME, holder), (ID_KEY_NAME, id_holder))
        )
        issuer_adapters = IssuerAdapters(
            record=record,
            sessions=sessions,
            families=MemoryRefreshTokenStore(issuer_settings.refresh_policy),
            transactions=MemoryTransactionStore(),
            external_sign_ins=MemorySingleUseStore[ExternalSignIn](),
            pending_links=MemorySingleUseStore[PendingLink](),
            handovers=MemorySingleUseStore[HandoverTicket](),
            codes=MemoryAuthorizationCodeStore(),
            roles=roles,
            clients=MemoryClientDirectory(),
            api_keys=api_keys,
            api_key_usage=api_key_usage,
            limiter=MemoryAttemptLimiter(),
            publisher=feed,
            feed=feed,
            pending=MemoryPendingRecord(),
            hasher=hasher,
            upstream=OidcUpstreamProviders(outbound, clock),
            cipher=KeyFileCipher(folder.data_key_file, randomness),
            signing_keys=keys,
            token_signer=PasetoTokenSigner(keys, holder),
            token_verifier=TokenVerifier(
                OwnKeys(keys), issuer=origin, audience=api_audience(origin), max_lifetime=_MAX_LIFETIME, clock=clock
            ),
            any_token_verifier=TokenVerifier(
                OwnKeys(keys), issuer=origin, audience=None, max_lifetime=_MAX_LIFETIME, clock=clock
            ),
            key_document=KeyDocument(keys),
            id_keys=id_keys,
            id_token_signer=JoseIdTokenSigner(id_keys, id_holder),
            id_token_reader=JoseIdTokenReader(id_keys, issuer=origin),
            jwks_document=JwksDocument(id_keys),
            clock=clock,
            randomness=randomness,
            jobs={"keep signing keys": keys, "keep the keys of ID tokens": id_keys},
        )
        issuer = Issuer(issuer_settings, issuer_adapters)
        # A thread hashes the first password while everything else is built, which takes as long.
        ensuring = asyncio.create_task(
            issuer.use.ensure_accounts(email=settings.admin_email, password=settings.admin_password, with_cli=True)
        )
        stack.push_async_callback(_ended, ensuring)
        for rotation in issuer.use.rotations.named().values():
            # A key file that was removed is not out of reach, it is gone: the new one signs (KR-06).
            await rotation.revoke_lost(_ACTOR)
        await keys.load()
        await id_keys.load()
        issuer_public, issuer_internal = issuer.public_app(), issuer.internal_app()

        key_document_http = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(issuer_public), trust_env=False)
        )
        key_set = RemoteKeySet(HttpKeyDocument(origin + KEY_DOCUMENT_PATH, key_document_http))
        await stack.enter_async_context(aclosing(key_set))
        internal_http = await stack.enter_async_context(
            open_http_client(_IN_PROCESS, httpx.ASGITransport(issuer_internal))
        )
        internal_client = InternalClient(internal_http, secrets.service_secret)
        api_settings = ApiSettings(
            access_token_issuer=origin,
            issuer_internal_url=_IN_PROCESS,
            service_secret=secrets.service_secret,
            api_key_pepper=secrets.api_key_pepper,
            edge_hosts=settings.edge_hosts,
            trusted_proxies=settings.trusted_proxies,
            forward_auth=settings.forward_auth,
            allowed_hosts=issuer_settings.allowed_hosts,
        )
        policies = open_policies(settings.forward_auth.policy_file)
        edge_adapters = EdgeAdapters(
            any_token_verifier=TokenVerifier(
                key_set, issuer=origin, audience=None, max_lifetime=_MAX_LIFETIME, clock=clock, cache=TokenCache()
            ),
            api_keys=api_keys,
            api_key_source=IssuerApiKeys(internal_client),
            api_key_usage=api_key_usage,
            shared_rates=MemorySharedRates(),
            decision_log=MemoryDecisionLog(),
            handovers=IssuerHandovers(internal_client),
            usernames=IssuerUsernames(internal_client),
            policies=policies,
            randomness=randomness,
            jobs={"keep policy": policies.keep},
        )
        api_adapters = ApiAdapters(
            token_verifier=TokenVerifier(
                key_set,
                issuer=origin,
                audience=api_audience(origin),
                max_lifetime=_MAX_LIFETIME,
                clock=clock,
                cache=TokenCache(),
            ),
            role_directory=roles,
            subject_source=IssuerSubjects(internal_client, PRINCIPALS_PATH),
            revocation_feed=feed,
            fallback_feed=IssuerFeed(internal_client, FEED_PATH),
            session_store=sessions,
            issuer_monitor=IssuerMonitor(internal_client),
            edge=edge_adapters,
            clock=clock,
        )
        api = Api(api_settings, api_adapters)
        api.metrics.watch_policy(policies)
        api_public, api_internal = api.public_app(), api.internal_app()

        first_admin = await ensuring
        # The issuer first, so that it ends last: the api asks it until then, and what waits for the record goes there.
        for app in (issuer_public, issuer_internal, api_public, api_internal):
            await stack.enter_async_context(app.lifespan())
        yield Embedded(
            public=Dispatch(port=port, api=api_public, issuer=issuer_public, spa=Spa(build)),
            internal=InternalDispatch(port=internal_port, api=api_internal, issuer=issuer_internal),
            first_admin=first_admin,
        )


async def _ended(task: asyncio.Task[FirstAdmin | None]) -> None:
    """Leave nothing running where a start fails half-way."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _next_version(record: Record, key_name: str) -> int:
    """Return a number for the first version of a new key file, which no version on record has."""

    async def read(transaction: RecordTransaction) -> int:
        return max((known.key.version for known in await transaction.signing_keys.versions(key_name)), default=0)

    return await record.transact(read) + 1
