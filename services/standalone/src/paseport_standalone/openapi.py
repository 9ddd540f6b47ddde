"""Writes the OpenAPI documents of both services: ``python -m paseport_standalone.openapi FOLDER``.

The applications are built as they are served, on adapters in memory, and nothing is opened.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx
from litestar import Litestar
from paseport.clock import SystemClock
from paseport.issuer_feed import IssuerFeed
from paseport.issuer_subjects import IssuerSubjects
from paseport.secret import Secret
from paseport.token_verifier import TokenVerifier
from paseport_api.app import Api
from paseport_api.settings import Settings as ApiSettings
from paseport_api.wiring import ApiAdapters, EdgeAdapters
from paseport_issuer.app import Issuer
from paseport_issuer.settings import Settings as IssuerSettings
from paseport_issuer.use_cases.keep_signing_keys import KeepSigningKeys
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.wiring import IssuerAdapters
from paseport_shared.adapters.bcrypt.password_hasher import BcryptPasswordHasher
from paseport_shared.adapters.issuer.api_keys import IssuerApiKeys
from paseport_shared.adapters.issuer.handovers import IssuerHandovers
from paseport_shared.adapters.issuer.internal_client import FEED_PATH, PRINCIPALS_PATH, InternalClient
from paseport_shared.adapters.issuer.issuer_monitor import IssuerMonitor
from paseport_shared.adapters.issuer.usernames import IssuerUsernames
from paseport_shared.adapters.jose.id_token_reader import JoseIdTokenReader
from paseport_shared.adapters.jose.id_token_signer import JoseIdTokenSigner
from paseport_shared.adapters.jose.jwks_document import JwksDocument
from paseport_shared.adapters.memory.api_key_directory import MemoryApiKeyDirectory
from paseport_shared.adapters.memory.api_key_usage import MemoryApiKeyUsage
from paseport_shared.adapters.memory.attempt_limiter import MemoryAttemptLimiter
from paseport_shared.adapters.memory.authorization_code_store import MemoryAuthorizationCodeStore
from paseport_shared.adapters.memory.client_directory import MemoryClientDirectory
from paseport_shared.adapters.memory.decision_log import MemoryDecisionLog
from paseport_shared.adapters.memory.pending_record import MemoryPendingRecord
from paseport_shared.adapters.memory.record import MemoryRecord
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
from paseport_shared.adapters.policy_file.policy_file import PolicyFile
from paseport_shared.adapters.re2.pattern_matcher import Re2PatternMatcher
from paseport_shared.adapters.system.randomness import SystemRandomness
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.client import api_audience
from paseport_shared.domain.models.edge_session import HandoverTicket
from paseport_shared.domain.models.external_sign_in import ExternalSignIn, PendingLink
from paseport_shared.domain.models.signing_key import HeldKeyVersion
from paseport_shared.http.openapi import openapi_document

_ISSUER: Final = "https://auth.example.com"
_INTERNAL: Final = "http://issuer.internal"
_NO_SECRET: Final = b"\0" * 32


class _NoKeys:
    """Who holds no key: a description signs nothing."""

    async def versions(self) -> tuple[HeldKeyVersion, ...]:
        raise Unavailable("no key")

    async def create_version(self) -> HeldKeyVersion:
        raise Unavailable("no key")

    async def sign(self, message: bytes, *, key_version: int) -> bytes:
        raise Unavailable("no key")


class _NoCipher:
    """Who has no key either."""

    async def seal(self, plain: Secret[str], *, purpose: str, owner: str) -> str:
        raise Unavailable("no key")

    async def open(self, sealed: str, *, purpose: str, owner: str) -> Secret[str]:
        raise Unavailable("no key")


def main(arguments: list[str]) -> int:
    """Write ``issuer.json`` and ``api.json``."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m paseport_standalone.openapi FOLDER\n")
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, app in _apps().items():
        text = json.dumps(openapi_document(app), indent=2, sort_keys=True, ensure_ascii=False)
        (folder / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
    return 0


def _apps() -> dict[str, Litestar]:
    clock, randomness, holder, record = SystemClock(), SystemRandomness(), _NoKeys(), MemoryRecord()
    keys = KeepSigningKeys(
        key_name="none",
        record=record,
        holder=holder,
        document_max_age=timedelta(seconds=60),
        clock=clock,
        ids=NewIds(clock, randomness),
    )
    verifier = TokenVerifier(
        OwnKeys(keys), issuer=_ISSUER, audience=api_audience(_ISSUER), max_lifetime=timedelta(hours=1), clock=clock
    )
    issuer_settings = IssuerSettings(
        access_token_issuer=_ISSUER,
        refresh_key=Secret(_NO_SECRET),
        service_secret=Secret(_NO_SECRET.hex()),
        api_key_pepper=Secret(_NO_SECRET.hex()),
        bff_client_secret=Secret(_NO_SECRET.hex()),
    )
    feed, roles = MemoryRevocationFeed(0), MemoryRoleDirectory()
    sessions = MemorySessionStore(issuer_settings.session_policy)
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
        api_keys=MemoryApiKeyDirectory(),
        api_key_usage=MemoryApiKeyUsage(),
        limiter=MemoryAttemptLimiter(),
        publisher=feed,
        feed=feed,
        pending=MemoryPendingRecord(),
        hasher=BcryptPasswordHasher({1: Secret(_NO_SECRET)}, 1),
        upstream=OidcUpstreamProviders(GuardedHttpClient(), clock),
        cipher=_NoCipher(),
        signing_keys=keys,
        token_signer=PasetoTokenSigner(keys, holder),
        token_verifier=verifier,
        any_token_verifier=verifier,
        key_document=KeyDocument(keys),
        id_keys=keys,
        id_token_signer=JoseIdTokenSigner(keys, holder),
        id_token_reader=JoseIdTokenReader(keys, issuer=_ISSUER),
        jwks_document=JwksDocument(keys),
        clock=clock,
        randomness=randomness,
    )
    internal = InternalClient(httpx.AsyncClient(base_url=_INTERNAL), issuer_settings.service_secret)
    api_settings = ApiSettings(
        access_token_issuer=_ISSUER,
        issuer_internal_url=_INTERNAL,
        service_secret=issuer_settings.service_secret,
        api_key_pepper=issuer_settings.api_key_pepper,
    )
    edge_adapters = EdgeAdapters(
        any_token_verifier=verifier,
        api_keys=MemoryApiKeyDirectory(),
        api_key_source=IssuerApiKeys(internal),
        api_key_usage=MemoryApiKeyUsage(),
        shared_rates=MemorySharedRates(),
        decision_log=MemoryDecisionLog(),
        handovers=IssuerHandovers(internal),
        usernames=IssuerUsernames(internal),
        policies=PolicyFile(None, Re2PatternMatcher()),
        randomness=randomness,
    )
    api_adapters = ApiAdapters(
        token_verifier=verifier,
        role_directory=roles,
        subject_source=IssuerSubjects(internal, PRINCIPALS_PATH),
        revocation_feed=feed,
        fallback_feed=IssuerFeed(internal, FEED_PATH),
        session_store=sessions,
        issuer_monitor=IssuerMonitor(internal),
        edge=edge_adapters,
        clock=clock,
    )
    return {
        "issuer": Issuer(issuer_settings, issuer_adapters).public_app(),
        "api": Api(api_settings, api_adapters).public_app(),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
