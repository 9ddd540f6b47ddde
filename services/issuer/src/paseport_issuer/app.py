"""The issuer's two HTTP apps: the public one, and the internal one for the api and the command line."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Final

from litestar import Request
from litestar.di import NamedDependency, Provide
from litestar.types import ControllerRouterHandler
from paseport.principal import Principal
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.client import built_in_clients
from paseport_shared.http.app import ServiceApp
from paseport_shared.http.background import Job, in_background
from paseport_shared.http.bearer import provide_principal
from paseport_shared.http.client_address import client_address
from paseport_shared.http.health import Check, health_handlers
from paseport_shared.http.measure import MeasuredBearer
from paseport_shared.http.metrics import ACCESS, ID, IssuerMetrics, metrics_handler
from paseport_shared.http.openapi import openapi_config
from paseport_shared.http.provided import Provided
from paseport_shared.http.watch import WatchFeeds, WatchParts, reasons_of

from paseport_issuer.handlers.api_keys import api_keys_router, own_api_keys_router, provide_key_manager
from paseport_issuer.handlers.app_sign_in import app_sign_in_router
from paseport_issuer.handlers.authorize import authorization_router, give_consent, show_transaction
from paseport_issuer.handlers.clients import clients_router
from paseport_issuer.handlers.cookies import Cookies
from paseport_issuer.handlers.documents import PASERK, public_documents
from paseport_issuer.handlers.external_sign_in import (
    begin_linking,
    end_upstream_sessions,
    external_sign_in_router,
    show_pending_link,
    sign_in_options,
)
from paseport_issuer.handlers.for_verifiers import read_verifier_feed, read_verifier_principal
from paseport_issuer.handlers.handover import handover_router
from paseport_issuer.handlers.import_api_keys import import_api_keys
from paseport_issuer.handlers.internal import (
    mint_cli_token,
    note_session_use,
    read_feed,
    redeem_handover,
    resolve_api_key,
    resolve_principal,
)
from paseport_issuer.handlers.internal_users import resolve_username
from paseport_issuer.handlers.keys import keys_router
from paseport_issuer.handlers.login import login_local, logout, redeem_password_reset, refresh_handler
from paseport_issuer.handlers.logout import confirm_logout, logout_router
from paseport_issuer.handlers.me import own_account_router, provide_holder
from paseport_issuer.handlers.paths import AUTHORIZE, LOGOUT
from paseport_issuer.handlers.providers import providers_router
from paseport_issuer.handlers.token import oauth_router
from paseport_issuer.handlers.userinfo import userinfo, userinfo_by_post
from paseport_issuer.handlers.users import users_router
from paseport_issuer.handlers.verifiers import verifiers_router
from paseport_issuer.measure import (
    MeasureBacklog,
    MeasuredExternalSignIn,
    MeasuredLimiter,
    MeasuredLogin,
    MeasuredRefresh,
)
from paseport_issuer.settings import Settings
from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.wiring import FEEDS, IssuerAdapters, UseCases, wire

VERSION: Final = version("paseport-issuer")
_MAX_USER_AGENT: Final = 256


class Issuer:
    """One issuer: its use cases, and the two apps that show them.

    ``metrics`` come from whoever measures adapters with them already.
    """

    def __init__(self, settings: Settings, adapters: IssuerAdapters, metrics: IssuerMetrics | None = None) -> None:
        self.metrics = metrics or IssuerMetrics(VERSION)
        self.use = _measured(
            wire(settings, replace(adapters, limiter=MeasuredLimiter(adapters.limiter, self.metrics))), self.metrics
        )
        self._settings = settings
        self._adapters = adapters
        clients = {client.client_id: client for client in built_in_clients(settings.access_token_issuer)}
        self._app_client = clients["bff"]
        self._jar = Cookies(settings.cookie_secure)
        self._dependencies = self._provided()
        self._documents = public_documents(
            settings.access_token_issuer,
            access_keys=adapters.key_document,
            id_keys=adapters.jwks_document,
            max_age=settings.key_document_max_age,
        )
        self._checks: dict[str, Check] = {
            "record": adapters.record.ping,
            "keys": self._check_keys,
            "id_keys": self._check_id_keys,
            **adapters.parts,
        }
        for name, pool in {"password_hashing": adapters.hasher, **adapters.pools}.items():
            self.metrics.watch_pool(name, pool)
        self.metrics.watch_feed(FEEDS, self.use.follow_revocations, self.use.revocations)

    def public_app(self) -> ServiceApp:
        """Return the app of the public port; its lifespan runs the issuer's background work."""
        return self._app(
            [
                login_local,
                refresh_handler(self.use.refresh_tokens, self._app_client, self._jar),
                logout,
                redeem_password_reset,
                users_router,
                clients_router,
                verifiers_router,
                read_verifier_feed,
                read_verifier_principal,
                keys_router,
                own_account_router,
                own_api_keys_router,
                api_keys_router,
                import_api_keys,
                handover_router,
                authorization_router,
                show_transaction,
                give_consent,
                app_sign_in_router,
                external_sign_in_router,
                sign_in_options,
                show_pending_link,
                begin_linking,
                end_upstream_sessions,
                providers_router,
                logout_router,
                confirm_logout,
                oauth_router,
                userinfo,
                userinfo_by_post,
                *health_handlers(self._checks),
            ],
            lifespan=[self._background()],
            openapi=openapi_config(
                "Paseport issuer", VERSION, "/openapi.json", "Signs people in, signs tokens, manages users."
            ),
            allowed_hosts=self._settings.hosts,
            documents=self._documents,
        )

    def internal_app(self) -> ServiceApp:
        """Return the app of the internal port. It needs the public app's lifespan to have begun."""
        return self._app(
            [
                resolve_principal,
                resolve_username,
                resolve_api_key,
                redeem_handover,
                note_session_use,
                read_feed,
                mint_cli_token,
                metrics_handler(self.metrics),
                *health_handlers(self._checks),
            ],
            is_internal=True,
            documents={PASERK: self._documents[PASERK]},
        )

    def _app(self, route_handlers: list[ControllerRouterHandler], **options: Any) -> ServiceApp:
        settings = self._settings
        return ServiceApp(
            route_handlers=route_handlers,
            dependencies=self._dependencies,
            state={
                "authenticate_bearer": self.use.authenticate_bearer,
                "authenticate_foreign_caller": self.use.authenticate_foreign_caller,
                "authenticate_verifier": self.use.authenticate_verifier,
                "limit_attempts": self.use.limit_attempts,
                "clock": self._adapters.clock,
                "service_secret": settings.service_secret,
                "cli_secret": settings.cli_secret,
            },
            metrics=self.metrics,
            allowed_origins=(settings.origin, *settings.cors_origins),
            cors_origins=settings.cors_origins,
            cors_never=(AUTHORIZE, LOGOUT),
            trusted_proxies=settings.trusted_proxies,
            https=settings.is_https,
            **options,
        )

    @contextlib.asynccontextmanager
    async def _background(self) -> AsyncIterator[None]:
        # Whatever is away now is waited for in the background; readiness names it, and what needs it answers 503.
        with contextlib.suppress(Unavailable):
            await self.use.load_read_models()
        with contextlib.suppress(Unavailable):
            await self.use.follow_revocations.step()
        jobs: dict[str, Job] = {
            **self._adapters.jobs,
            "follow revocations": self.use.follow_revocations,
            "record pending": self.use.record_pending,
            "complete changes": self.use.project_user.keep_completing,
            "complete changes of clients": self.use.project_client.keep_completing,
            "complete changes of API keys": self.use.project_api_key.keep_completing,
            "record uses of API keys": self.use.record_api_key_uses.keep,
            "keep read models": self.use.load_read_models.keep,
            "watch parts": WatchParts(reasons_of(self._checks), self.metrics),
            "watch feeds": WatchFeeds(FEEDS, self.use.follow_revocations),
            "measure backlog": self._backlog(),
        }
        try:
            async with in_background(jobs):
                yield
        finally:
            with contextlib.suppress(Unavailable):
                await self.use.record_pending.drain()
            with contextlib.suppress(Unavailable):
                await self.use.record_api_key_uses.drain()

    def _provided(self) -> dict[str, Provide]:
        settings, use = self._settings, self.use
        values: Mapping[str, Any] = {
            "app_client": self._app_client,
            "alteration": use.change_client,
            "authenticate_client": use.authenticate_client,
            "authorization": use.authorize,
            "browsers": use.transactions,
            "change": use.change_user,
            "clients": use.read_clients,
            "consents": use.read_consents,
            "creation": use.create_client,
            "deletion": use.delete_client,
            "secrets": use.roll_client_secret,
            "jar": self._jar,
            "create": use.create_user,
            "consent": use.give_consent,
            "api_keys": use.read_api_keys,
            "key_change": use.change_api_key,
            "key_creation": use.create_api_key,
            "key_import": use.import_api_keys,
            "key_revocation": use.revoke_api_key,
            "key_rotation": use.rotate_api_key,
            "known_keys": use.resolve_api_key,
            "resolve_name": use.resolve_username,
            "hand_over": use.hand_over_session,
            "end_access": use.end_own_access,
            "end_session": use.end_session,
            "feed": use.read_feed,
            "introspect_token": use.introspect_token,
            "issuer": settings.access_token_issuer,
            "login": use.login_local,
            "logout_by_client": use.logout_by_client,
            "machine_token": use.machine_token,
            "mint": use.mint_cli_token,
            "own_access": use.read_own_access,
            "redeem": use.redeem_password_reset,
            "redeem_code": use.redeem_code,
            "refresh": use.refresh_tokens,
            "remove": use.delete_user,
            "reset": use.issue_password_reset,
            "resolve": use.resolve_subject,
            "revoke_token": use.revoke_token,
            "rotations": use.rotations,
            "sign_in_app": use.sign_in_app,
            "find_provider": use.find_provider,
            "external_sign_in": use.begin_external_sign_in,
            "external_callback": use.complete_external_sign_in,
            "pending_links": use.pending_links,
            "provider_registration": use.register_provider,
            "providers": use.read_providers,
            "own_identities": use.read_own_identities,
            "unlink": use.unlink_identity,
            "upstream_logout": use.end_upstream_sessions,
            "leave_upstream": use.leave_upstream,
            "subjects": use.find_subject,
            "user_info": use.read_user_info,
            "users": use.read_users,
            "verifier_alteration": use.change_verifier,
            "verifier_creation": use.create_verifier,
            "verifier_deletion": use.revoke_verifier,
            "verifier_secrets": use.roll_verifier_secret,
            "verifiers": use.read_verifiers,
            "withdraw": use.withdraw_consent,
        }
        provided = {name: Provided(value) for name, value in values.items()}
        return provided | {
            "caller": Provide(_caller, sync_to_thread=False),
            "principal": Provide(provide_principal, sync_to_thread=False),
            "holder": Provide(provide_holder, sync_to_thread=False),
            "key_manager": Provide(provide_key_manager, sync_to_thread=False),
            "admin": Provide(_admin, sync_to_thread=False),
        }

    def _backlog(self) -> MeasureBacklog:
        adapters = self._adapters
        return MeasureBacklog(
            self.metrics,
            pending=adapters.pending,
            record=adapters.record,
            keys={ACCESS: adapters.signing_keys, ID: adapters.id_keys},
            clock=adapters.clock,
        )

    async def _check_keys(self) -> None:
        await self._adapters.signing_keys.active()

    async def _check_id_keys(self) -> None:
        await self._adapters.id_keys.active()


def _measured(use: UseCases, metrics: IssuerMetrics) -> UseCases:
    return replace(
        use,
        login_local=MeasuredLogin(use.login_local, metrics),
        refresh_tokens=MeasuredRefresh(use.refresh_tokens, metrics),
        complete_external_sign_in=MeasuredExternalSignIn(use.complete_external_sign_in, metrics),
        authenticate_bearer=MeasuredBearer(use.authenticate_bearer, metrics),
    )


def _caller(request: Request[Any, Any, Any]) -> Caller:
    user_agent = request.headers.get("user-agent")
    return Caller(
        address=client_address(request),
        user_agent=user_agent[:_MAX_USER_AGENT] if user_agent else None,
        request_id=request.scope["state"]["request_id"],
    )


def _admin(principal: NamedDependency[Principal], caller: NamedDependency[Caller]) -> Actor:
    return caller.acting_as(principal.subject, principal.claims.client_id)
