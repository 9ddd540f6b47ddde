"""The issuer of an installation: MariaDB, Redis and Vault behind the same ports.

Plain constructor calls, read top to bottom: settings, clients, adapters, use cases.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Final

from paseport.claims import CLOCK_LEEWAY
from paseport.clock import SystemClock
from paseport.redis.access import RedisAccess
from paseport.token_verifier import TokenVerifier
from paseport_shared.adapters.bcrypt.password_hasher import BcryptPasswordHasher
from paseport_shared.adapters.jose.id_token_reader import JoseIdTokenReader
from paseport_shared.adapters.jose.id_token_signer import JoseIdTokenSigner
from paseport_shared.adapters.jose.jwks_document import JwksDocument
from paseport_shared.adapters.oidc.upstream_providers import OidcUpstreamProviders
from paseport_shared.adapters.outbound.guarded_client import GuardedHttpClient
from paseport_shared.adapters.paseto.key_document import KeyDocument
from paseport_shared.adapters.paseto.own_keys import OwnKeys
from paseport_shared.adapters.paseto.token_signer import PasetoTokenSigner
from paseport_shared.adapters.redis.api_key_directory import RedisApiKeyDirectory
from paseport_shared.adapters.redis.api_key_usage import RedisApiKeyUsage
from paseport_shared.adapters.redis.attempt_limiter import RedisAttemptLimiter
from paseport_shared.adapters.redis.authorization_code_store import RedisAuthorizationCodeStore
from paseport_shared.adapters.redis.client_directory import RedisClientDirectory
from paseport_shared.adapters.redis.pending_record import RedisPendingRecord
from paseport_shared.adapters.redis.refresh_token_store import RedisRefreshTokenStore
from paseport_shared.adapters.redis.revocation_publisher import RedisRevocationPublisher
from paseport_shared.adapters.redis.role_directory import RedisRoleDirectory
from paseport_shared.adapters.redis.session_store import RedisSessionStore
from paseport_shared.adapters.redis.single_use_store import RedisSingleUseStore
from paseport_shared.adapters.redis.transaction_store import RedisTransactionStore
from paseport_shared.adapters.sql import revision
from paseport_shared.adapters.sql.engine import create_engine_for
from paseport_shared.adapters.sql.record import SqlRecord
from paseport_shared.adapters.system.randomness import SystemRandomness
from paseport_shared.adapters.vault.access import VaultAccess
from paseport_shared.adapters.vault.token_keeper import AppRole, Credential, StaticToken
from paseport_shared.adapters.vault.transit_cipher import TransitCipher
from paseport_shared.adapters.vault.transit_key_holder import TransitKeyHolder
from paseport_shared.adapters.vault.transit_rsa_key_holder import TransitRsaKeyHolder
from paseport_shared.adapters.vault.transit_rsa_signer import TransitRsaSigner
from paseport_shared.adapters.vault.transit_signer import TransitSigner
from paseport_shared.adapters.vault.transport import VaultAddress
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.authorization import CODE_REMEMBERED
from paseport_shared.domain.models.client import api_audience
from paseport_shared.domain.models.edge_session import HandoverTicket
from paseport_shared.domain.models.external_sign_in import ExternalSignIn, PendingLink
from paseport_shared.http.metrics import IssuerMetrics
from paseport_shared.wiring import redis_settings

from paseport_issuer.app import VERSION, Issuer
from paseport_issuer.measure import MeasuredSigner
from paseport_issuer.settings import ProductionSettings
from paseport_issuer.use_cases.keep_signing_keys import KeepSigningKeys
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.wiring import UPSTREAM_CALLS, IssuerAdapters

_PEPPER_VERSION: Final = 1
_MAX_LIFETIME: Final = timedelta(hours=1)


@asynccontextmanager
async def open_issuer(settings: ProductionSettings) -> AsyncIterator[Issuer]:
    """Open everything, and close it at the end.

    The record must answer: without it nobody knows which key signs. Redis and Vault may be away; what needs them
    answers 503 until they are back. Raises ``Unavailable`` and ``revision.WrongRevision``.
    """
    clock, randomness = SystemClock(), SystemRandomness()
    issuer = settings.issuer.access_token_issuer
    metrics = IssuerMetrics(VERSION)
    async with AsyncExitStack() as stack:
        engine = create_engine_for(settings.mariadb_url.reveal())
        stack.push_async_callback(engine.dispose)
        await revision.check_revision(engine)
        record = SqlRecord(engine)

        redis = await stack.enter_async_context(RedisAccess(redis_settings(settings.redis)))
        feed = RedisRevocationPublisher(redis, namespace=settings.redis.namespace_revocation)

        vault = VaultAccess(
            VaultAddress(settings.vault_url, settings.vault_namespace, settings.vault_ca), _credential(settings), clock
        )
        stack.callback(vault.close)
        metrics.watch_breaker("vault", lambda: vault.is_spared)
        signer = MeasuredSigner(TransitSigner(vault, settings.transit_key, settings.mount_path), metrics.signatures)
        keys = KeepSigningKeys(
            key_name=settings.transit_key,
            record=record,
            holder=TransitKeyHolder(vault, settings.transit_key, settings.mount_path),
            document_max_age=settings.issuer.key_document_max_age,
            clock=clock,
            ids=NewIds(clock, randomness),
        )
        id_signer = MeasuredSigner(TransitRsaSigner(vault, settings.id_key, settings.mount_path), metrics.id_signatures)
        id_keys = KeepSigningKeys(
            key_name=settings.id_key,
            record=record,
            holder=TransitRsaKeyHolder(vault, settings.id_key, settings.mount_path),
            document_max_age=settings.issuer.key_document_max_age,
            clock=clock,
            ids=NewIds(clock, randomness),
        )
        for kept in (keys, id_keys):
            with suppress(Unavailable):  # tried again in the background; readiness says that there are no keys
                await kept.load()

        hasher = BcryptPasswordHasher(
            {_PEPPER_VERSION: settings.password_pepper}, _PEPPER_VERSION, settings.password_work_factor
        )
        stack.callback(hasher.close)

        outbound = GuardedHttpClient(settings.outbound.allowed_targets, settings.outbound.ca, max_calls=UPSTREAM_CALLS)
        stack.callback(outbound.close)

        adapters = IssuerAdapters(
            record=record,
            sessions=RedisSessionStore(redis, settings.issuer.session_policy, settings.redis.namespace_session),
            families=RedisRefreshTokenStore(
                redis, settings.issuer.refresh_policy, settings.redis.namespace_refresh_token
            ),
            transactions=RedisTransactionStore(redis, settings.redis.namespace_transaction),
            external_sign_ins=RedisSingleUseStore(redis, ExternalSignIn, settings.redis.namespace_external_sign_in),
            pending_links=RedisSingleUseStore(redis, PendingLink, settings.redis.namespace_pending_link),
            handovers=RedisSingleUseStore(redis, HandoverTicket, settings.redis.namespace_handover),
            codes=RedisAuthorizationCodeStore(
                redis,
                settings.redis.namespace_authorization_code,
                remembered=max(CODE_REMEMBERED, settings.issuer.access_token_ttl + CLOCK_LEEWAY),
            ),
            roles=RedisRoleDirectory(redis, keep_for=settings.role_ttl, namespace=settings.redis.namespace_role),
            clients=RedisClientDirectory(redis, namespace=settings.redis.namespace_client),
            api_keys=RedisApiKeyDirectory(redis, namespace=settings.redis.namespace_api_key),
            api_key_usage=RedisApiKeyUsage(redis, namespace=settings.redis.namespace_api_key_use),
            limiter=RedisAttemptLimiter(redis, settings.redis.namespace_attempts),
            publisher=feed,
            feed=feed,
            pending=RedisPendingRecord(redis, namespace=settings.redis.namespace_pending_record),
            hasher=hasher,
            upstream=OidcUpstreamProviders(outbound, clock),
            cipher=TransitCipher(vault, settings.data_key, settings.mount_path),
            signing_keys=keys,
            token_signer=PasetoTokenSigner(keys, signer),
            token_verifier=TokenVerifier(
                OwnKeys(keys), issuer=issuer, audience=api_audience(issuer), max_lifetime=_MAX_LIFETIME, clock=clock
            ),
            any_token_verifier=TokenVerifier(
                OwnKeys(keys), issuer=issuer, audience=None, max_lifetime=_MAX_LIFETIME, clock=clock
            ),
            key_document=KeyDocument(keys),
            id_keys=id_keys,
            id_token_signer=JoseIdTokenSigner(id_keys, id_signer),
            id_token_reader=JoseIdTokenReader(id_keys, issuer=issuer),
            jwks_document=JwksDocument(id_keys),
            clock=clock,
            randomness=randomness,
            parts={"redis": redis.ping, "vault": vault.ping},
            pools={"record": record, "redis": redis, "vault": vault},
            jobs={
                "keep signing keys": keys,
                "keep the keys of ID tokens": id_keys,
                "keep the token for Vault": vault.keep_token,
            },
        )
        yield Issuer(settings.issuer, adapters, metrics)


def _credential(settings: ProductionSettings) -> Credential:
    if settings.vault_token is not None:
        return StaticToken(settings.vault_token)
    if settings.vault_role_id is None or settings.vault_secret_id is None:
        message = "the settings were not checked"
        raise ValueError(message)
    return AppRole(settings.vault_role_id, settings.vault_secret_id)
