"""Somebody who signs in at the issuer through a real identity provider, and what is left of it here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec
from issuer_http import HttpWorld, running
from issuer_sqlite import running_on_sqlite
from issuer_world import ADMIN_ACTOR, ISSUER, IssuerWorld
from paseport.secret import Secret
from paseport_issuer.settings import Settings
from paseport_issuer.use_cases.register_provider import ChangeProviderCommand, RegisterProviderCommand
from paseport_issuer.use_cases.sign_access_token import UserGrant
from paseport_issuer.wiring import UPSTREAM_CALLS
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.oidc.upstream_providers import DEADLINE_SECONDS, OidcUpstreamProviders
from paseport_shared.adapters.outbound.guarded_client import Connect, GuardedHttpClient
from paseport_shared.adapters.outbound.resolver import Resolver
from paseport_shared.domain.models.client import ClientAuthMethod, api_audience
from paseport_shared.domain.models.identity_provider import (
    ClaimMapping,
    IdentityProvider,
    OAuth2Endpoints,
    ProviderKind,
)
from paseport_shared.domain.models.linked_identity import LinkedIdentity
from paseport_shared.domain.models.session import Session, parse_session_cookie
from paseport_shared.domain.models.user import User, UserQuery
from paseport_shared.domain.ports.record import RecordTransaction
from paseport_shared.production_settings import OutboundVariables
from paseport_testkit.harness.upstream import Arrival, Upstream, UpstreamClient
from relying_party import provider_settings
from requests import Session as ProviderBrowser
from structlog.testing import capture_logs

CORP = "corp"
HUB = "hub"
SHARED = "shared"
CALLBACK = "/auth/v1/oauth/callback"
INIT = "/auth/v1/oauth/init"
SESSION_COOKIE = "__Host-paseport-session"
BROWSER_COOKIE = "__Host-paseport-txn"
SIGNED_OUT = f"{ISSUER}/signed-out"


class RunningClock(ManualClock):
    """A time of day that goes on by itself, since providers look at theirs; durations pass where a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = self.monotonic()

    def now(self) -> datetime:
        """Return the time, and what the test added."""
        return datetime.now(UTC) + self._ahead

    @property
    def _ahead(self) -> timedelta:
        return timedelta(seconds=self.monotonic() - self._begun)


def register_issuer(upstream: Upstream, *, takes_logout: bool = True, **members: Any) -> UpstreamClient:
    """Make the issuer a client of both providers. Their ID tokens have a ``sid`` where it takes logout tokens."""
    addresses = [f"{ISSUER}{CALLBACK}", *(f"{ISSUER}{CALLBACK}/{name}" for name in (CORP, HUB, "other"))]
    return upstream.register_client(
        redirect_uris=tuple(addresses),
        post_logout_redirect_uris=(SIGNED_OUT,),
        backchannel_logout_uri=f"{ISSUER}/auth/v1/oauth/backchannel-logout/{CORP}" if takes_logout else None,
        **members,
    )


@asynccontextmanager
async def running_with_upstream(
    folder: Path,
    upstream: Upstream,
    *,
    on_sqlite: bool = False,
    settings: Settings | None = None,
    allow: Iterable[str] | None = None,
    deadline_seconds: float = DEADLINE_SECONDS,
    resolver: Resolver | None = None,
    connect: Connect = asyncio.open_connection,
) -> AsyncIterator[HttpWorld]:
    """Run an issuer that asks real providers; ``allow`` is PASEPORT_OUTBOUND_ALLOW, with both of them by default."""
    both = tuple(f"{host}:{port}" for host, port in (upstream.address, upstream.github_address))
    variables = OutboundVariables(allow=both if allow is None else tuple(allow), ca=upstream.ca)
    assert list(variables.relation_problems()) == []
    async with AsyncExitStack() as stack:
        outbound = GuardedHttpClient(
            variables.allowed_targets, variables.ca, max_calls=UPSTREAM_CALLS, resolver=resolver, connect=connect
        )
        stack.callback(outbound.close)
        clock = RunningClock()
        providers = OidcUpstreamProviders(outbound, clock, deadline_seconds=deadline_seconds)
        settings = settings or provider_settings()
        if on_sqlite:
            http, _ = await stack.enter_async_context(running_on_sqlite(folder, settings, providers, clock))
        else:
            world = IssuerWorld(folder, settings, upstream=providers, clock=clock)
            http = await stack.enter_async_context(running(world))
        yield http


def corp(upstream: Upstream, client: UpstreamClient, **values: object) -> dict[str, Any]:
    """Return what an administrator says of the OpenID Provider."""
    return {
        "name": CORP,
        "display_name": "Corp",
        "kind": ProviderKind.OIDC,
        "issuer": upstream.issuer,
        "client_id": client.id,
        **values,
    }


def hub(upstream: Upstream, client: UpstreamClient, **values: object) -> dict[str, Any]:
    """Return what an administrator says of the server in the shape of GitHub."""
    return {
        "name": HUB,
        "display_name": "Hub",
        "kind": ProviderKind.OAUTH2,
        "endpoints": OAuth2Endpoints(
            authorization=f"{upstream.github}/login/oauth/authorize",
            token=f"{upstream.github}/login/oauth/access_token",
            user=f"{upstream.github}/user",
            emails=f"{upstream.github}/user/emails",
        ),
        "auth_method": ClientAuthMethod.POST,
        "scopes": ("read:user", "user:email"),
        "claims": ClaimMapping(subject=("id",), username="login"),
        "client_id": client.id,
        **values,
    }


async def register(http: HttpWorld, values: dict[str, Any], secret: str) -> IdentityProvider:
    """Register a provider, as an administrator."""
    return await http.world.use.register_provider(RegisterProviderCommand(values, Secret(secret), ADMIN_ACTOR))


async def change(http: HttpWorld, provider: IdentityProvider, **values: object) -> IdentityProvider:
    """Change a provider, as an administrator."""
    stored = await http.world.use.read_providers.one(provider.id)
    command = ChangeProviderCommand(provider.id, stored.revision, values, None, ADMIN_ACTOR)
    return await http.world.use.register_provider.change(command)


@dataclass
class Person:
    """Somebody with a browser: ``here`` are its cookies at the issuer, ``there`` those at the providers.

    Without ``there`` each visit to a provider is in a browser of its own.
    """

    http: HttpWorld
    upstream: Upstream
    here: httpx.AsyncClient
    there: ProviderBrowser | None = None

    async def leave(self, provider: str | None = CORP, **query: str) -> str:
        """Choose a provider, and return where the browser is sent."""
        named = {} if provider is None else {"provider": provider}
        answer = await self.here.get(INIT, params={**named, **query})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def visit(self, url: str, **how: Any) -> Arrival:
        """Sign in at the provider, and return what the browser brings back."""
        return await asyncio.to_thread(self.upstream.sign_in, url, browser=self.there, **how)

    async def arrive(self, arrival: Arrival, **changed: str | None) -> httpx.Response:
        """Bring an answer, with parameters changed, or left out where they are None; return what comes of it."""
        parameters = {**arrival.parameters, **changed}
        kept = {name: value for name, value in parameters.items() if value is not None}
        path = urlsplit(arrival.url).path
        assert arrival.url.startswith(ISSUER + path)
        if arrival.form is None:
            return await self.here.get(path, params=kept)
        posted = await post_from(self.http, self.upstream.issuer, path, kept)
        assert posted.status_code == 303, posted.text
        return await self.here.get(posted.headers["location"])

    async def come_back(self, provider: str | None = CORP, **how: Any) -> httpx.Response:
        """Go to a provider, sign in there and come back."""
        return await self.arrive(await self.visit(await self.leave(provider), **how))

    async def go_on(self, response: httpx.Response) -> httpx.Response:
        """Follow redirects of the issuer for as long as they lead to its endpoints."""
        while response.status_code == 303:
            path = response.headers["location"].removeprefix(ISSUER)
            if not path.startswith(("/oauth2/", "/auth/")):
                break
            response = await self.here.get(path)
        return response

    async def sign_in(self, provider: str | None = CORP, **how: Any) -> User:
        """Sign in to the app, and return as whom."""
        back = await self.go_on(await self.come_back(provider, **how))
        assert (back.status_code, back.headers.get("location")) == (303, "/"), back.text
        return await self.http.world.user((await self.held()).user_id)

    async def held(self) -> Session:
        """Return the session that the browser's cookie stands for."""
        cookie = parse_session_cookie(Secret(self.here.cookies[SESSION_COOKIE]))
        assert cookie is not None
        session = await self.http.world.sessions.find(cookie.session_id, self.http.world.clock.now())
        assert session is not None
        return session

    async def is_signed_in(self) -> bool:
        """Say whether the session of the browser's cookie lives."""
        cookie = parse_session_cookie(Secret(self.here.cookies.get(SESSION_COOKIE) or "none"))
        found = cookie and await self.http.world.sessions.find(cookie.session_id, self.http.world.clock.now())
        return found is not None

    async def token(self) -> str:
        """Return an access token of the app in this browser."""
        answer = await self.here.post("/auth/v1/refresh")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


@asynccontextmanager
async def somebody(http: HttpWorld, upstream: Upstream, *, stays_there: bool = False) -> AsyncIterator[Person]:
    """Yield somebody with a new browser; ``stays_there``: the provider knows them when they come again."""
    async with http.browser() as here:
        if not stays_there:
            yield Person(http, upstream, here)
            return
        with upstream.browser() as there:
            yield Person(http, upstream, here, there)


async def post_from(http: HttpWorld, origin: str, path: str, form: dict[str, str]) -> httpx.Response:
    """Post a form as a page of another site does: with its Origin, and without cookies that are Lax."""
    async with http.bearer(None) as client:
        return await client.post(path, data=form, headers={"Origin": origin, "Sec-Fetch-Site": "cross-site"})


def query_of(url: str) -> dict[str, str]:
    """Return the parameters of an address."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def with_body(values: dict[str, Any], secret: str | None = None) -> dict[str, Any]:
    """Return what an administrator sends for a description of a provider."""
    body: dict[str, Any] = msgspec.to_builtins(values)
    return body if secret is None else {**body, "client_secret": secret}


async def token_of(http: HttpWorld, user: User, *scopes: str, age: timedelta = timedelta(0)) -> str:
    """Return an access token of somebody who signed in ``age`` ago, without a session."""
    grant = UserGrant(
        user.id,
        user.version,
        None,
        "0" * 22,
        scopes or ("openid", "roles", "account", "admin"),
        api_audience(ISSUER),
        http.world.clock.now() - age,
        ("pwd",),
    )
    return await http.world.token_for(grant)


# --- what is left of it ----------------------------------------------------------------------------------------------


async def people(http: HttpWorld) -> list[User]:
    """Return everybody who is no built-in account."""
    page = await http.world.use.read_users.page(UserQuery(limit=200))
    return [user for user in page.items if not user.built_in]


async def identities(http: HttpWorld) -> list[LinkedIdentity]:
    """Return the linked identities of everybody."""

    async def read(transaction: RecordTransaction) -> list[LinkedIdentity]:
        page = await transaction.users.page(UserQuery(limit=200))
        return [held for user in page.items for held in await transaction.identities.list_for_user(user.id)]

    return await http.world.record.transact(read)


@dataclass
class Kept:
    """What may not change where a sign-in is refused."""

    people: list[User]
    identities: list[LinkedIdentity]
    audited: list[str]


async def kept(http: HttpWorld) -> Kept:
    """Return what there is now."""
    return Kept(await people(http), await identities(http), sorted(await http.world.actions()))


@contextmanager
def refusals() -> Iterator[list[MutableMapping[str, Any]]]:
    """Collect what is logged of refusals: after the block, in order."""
    found: list[MutableMapping[str, Any]] = []
    with capture_logs() as logs:
        yield found
    found.extend(entry for entry in logs if entry["event"] == "refused")


def assert_page(answer: httpx.Response, status: int, sentence: str) -> None:
    """Check that an answer is a page of ours that says this and nothing else, and that nothing is kept or set."""
    assert answer.status_code == status, answer.text
    assert sentence in answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-store"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "location" not in answer.headers
    assert "set-cookie" not in answer.headers
