"""The api of an installation: Redis and the issuer behind the same ports. No database, no Vault.

Plain constructor calls, read top to bottom: settings, clients, adapters, use cases.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import timedelta
from typing import Final

import httpx
from paseport.clock import SystemClock
from paseport.http_key_document import HttpKeyDocument
from paseport.issuer_client import open_http_client
from paseport.issuer_feed import IssuerFeed
from paseport.issuer_subjects import IssuerSubjects
from paseport.key_set import RemoteKeySet
from paseport.redis.access import RedisAccess
from paseport.redis.revocation_feed import RedisRevocationFeed
from paseport.redis.subject_directory import RedisSubjectDirectory
from paseport.token_cache import TokenCache
from paseport.token_verifier import TokenVerifier
from paseport.verifier import KEY_DOCUMENT_PATH
from paseport_shared.adapters.issuer.api_keys import IssuerApiKeys
from paseport_shared.adapters.issuer.handovers import IssuerHandovers
from paseport_shared.adapters.issuer.internal_client import FEED_PATH, PRINCIPALS_PATH, InternalClient
from paseport_shared.adapters.issuer.issuer_monitor import IssuerMonitor
from paseport_shared.adapters.issuer.usernames import IssuerUsernames
from paseport_shared.adapters.redis.api_key_directory import RedisApiKeyDirectory
from paseport_shared.adapters.redis.api_key_usage import RedisApiKeyUsage
from paseport_shared.adapters.redis.decision_log import RedisDecisionLog
from paseport_shared.adapters.redis.session_store import RedisSessionStore
from paseport_shared.adapters.redis.shared_rates import RedisSharedRates
from paseport_shared.adapters.system.randomness import SystemRandomness
from paseport_shared.domain.models.client import api_audience
from paseport_shared.wiring import redis_settings

from paseport_api.app import Api
from paseport_api.policies import open_policies
from paseport_api.settings import ProductionSettings
from paseport_api.wiring import ApiAdapters, EdgeAdapters

_MAX_LIFETIME: Final = timedelta(hours=1)


@asynccontextmanager
async def open_api(settings: ProductionSettings) -> AsyncIterator[Api]:
    """Open everything, and close it at the end. Nothing has to answer yet: until it does, tokens get 503."""
    clock = SystemClock()
    issuer = settings.api.access_token_issuer
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(RedisAccess(redis_settings(settings.redis)))
        internal_http = await stack.enter_async_context(open_http_client(settings.api.issuer_internal_url))
        internal = InternalClient(internal_http, settings.api.service_secret)
        key_http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        key_set = RemoteKeySet(HttpKeyDocument(settings.api.issuer_internal_url + KEY_DOCUMENT_PATH, key_http))
        await stack.enter_async_context(aclosing(key_set))

        policies = open_policies(settings.api.forward_auth.policy_file)
        edge = EdgeAdapters(
            any_token_verifier=TokenVerifier(
                key_set, issuer=issuer, audience=None, max_lifetime=_MAX_LIFETIME, clock=clock, cache=TokenCache()
            ),
            api_keys=RedisApiKeyDirectory(redis, namespace=settings.redis.namespace_api_key),
            api_key_source=IssuerApiKeys(internal),
            api_key_usage=RedisApiKeyUsage(redis, namespace=settings.redis.namespace_api_key_use),
            shared_rates=RedisSharedRates(redis),
            decision_log=RedisDecisionLog(redis),
            handovers=IssuerHandovers(internal),
            usernames=IssuerUsernames(internal),
            policies=policies,
            randomness=SystemRandomness(),
            jobs={"keep policy": policies.keep},
        )
        adapters = ApiAdapters(
            token_verifier=TokenVerifier(
                key_set,
                issuer=issuer,
                audience=api_audience(issuer),
                max_lifetime=_MAX_LIFETIME,
                clock=clock,
                cache=TokenCache(),
            ),
            role_directory=RedisSubjectDirectory(redis, namespace=settings.redis.namespace_role),
            subject_source=IssuerSubjects(internal, PRINCIPALS_PATH),
            revocation_feed=RedisRevocationFeed(redis, namespace=settings.redis.namespace_revocation),
            fallback_feed=IssuerFeed(internal, FEED_PATH),
            session_store=RedisSessionStore(redis, settings.session_policy, settings.redis.namespace_session),
            issuer_monitor=IssuerMonitor(internal),
            edge=edge,
            clock=clock,
            reference_clock=redis,
            pools={"redis": redis},
        )
        api = Api(settings.api, adapters)
        api.metrics.watch_policy(policies)
        yield api
