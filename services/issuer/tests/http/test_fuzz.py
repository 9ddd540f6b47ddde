"""Random requests to every route of the issuer: a client that knows the interface and means harm."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from issuer_http import BROWSER, HttpWorld
from issuer_sqlite import running_on_sqlite
from issuer_world import ADMIN_ACTOR, ISSUER, PASSWORD, issuer_settings
from json_schema import violations
from litestar import Litestar
from paseport.secret import Secret
from paseport_issuer.use_cases.create_client import CreateClientCommand
from paseport_issuer.use_cases.create_verifier import CreateVerifierCommand
from paseport_issuer.use_cases.register_provider import RegisterProviderCommand
from paseport_shared.domain.models.client import Client, ClientAuthMethod
from paseport_shared.domain.models.identity_provider import ProviderKind
from paseport_shared.http.openapi import openapi_document

UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
SHOP = Client("shop", name="Shop", first_party=False, scope=(), audience="", auth_method=ClientAuthMethod.BASIC)
CORP = {
    "name": "corp",
    "display_name": "Corp",
    "kind": ProviderKind.OIDC,
    "issuer": "https://idp.example.com",
    "client_id": "paseport",
}
PROBLEM = {"$ref": "#/components/schemas/ProblemResponse"}
OAUTH = {
    "/oauth2/token",
    "/oauth2/revoke",
    "/oauth2/introspect",
    "/auth/v1/oauth/backchannel-logout/{provider}",
}
"""Refuse in their own form (RFC 6749 §5.2), except what the frame refuses before them."""
FOR_VERIFIERS = {"/verifiers/v1/feed", "/verifiers/v1/principals"}
"""Asked with a credential of their own."""
FRAMEWORK_ANSWERS = {400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428, 429, 503}

# Values that mean something to some layer below, and values that mean nothing to any.
_STRANGE = [
    "\ud800", "\x00", "a\x00", "%", "_", "' OR 1=1 --", "\u202e", "ﬁ", "İ", "ß" * 64, "ﷺ" * 64, "x" * 1_025, "", " ",
    "null", "-1", "1e400", "9" * 400, "../..", "\n", "é", "e\u0301", "＠",
]  # fmt: skip
_TEXT = st.one_of(st.sampled_from(["alice", "root", "User", "Admin", *_STRANGE]), st.text(max_size=40))
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXT, inner, max_size=4)),
    max_leaves=6,
)
_RIGHT: dict[str, st.SearchStrategy[Any]] = {
    "username": st.one_of(
        st.sampled_from(["alice", "bob", "ﬁona", "İsa", "X" * 64]),
        st.integers(0, 10**6).map(lambda number: f"c{number}"),
    ),
    "email": st.integers(0, 10**6).map(lambda number: f"c{number}@example.com"),
    "password": st.sampled_from(
        [PASSWORD.reveal(), "another good password", "e\u0301" * 15, "\ud800" * 20, "\x00" * 20]
    ),
    "roles": st.lists(st.sampled_from(["User", "Admin", "Editor"]), max_size=3),
    "display_name": st.one_of(st.none(), st.sampled_from(["Alice", "<img onerror>", "ß" * 100])),
    "disabled": st.booleans(),
    "token": st.sampled_from(["prr_" + "0" * 43 + "_000000", "prr_x_y"]),
    "subject": st.sampled_from([UNKNOWN_ID, UNKNOWN_ID.upper()]),
    "client_id": st.integers(0, 10**6).map(lambda number: f"client-{number}"),
    "name": st.sampled_from(["Shop", "<img onerror>", "ß" * 100]),
    "audience": st.sampled_from(["https://a.example", f"{ISSUER}/api", "urn:a:b", "a", "https://*", ""]),
    "first_party": st.booleans(),
    "application_type": st.sampled_from(["web", "native"]),
    "auth_method": st.sampled_from(["none", "client_secret_basic", "client_secret_post"]),
    "grants": st.lists(st.sampled_from(["authorization_code", "refresh_token", "client_credentials"]), max_size=3),
    "scopes": st.lists(st.sampled_from(["openid", "profile", "offline_access", "admin"]), max_size=3),
    "audiences": st.lists(st.sampled_from(["https://a.example", f"{ISSUER}/api", "urn:a:b", "a"]), max_size=2),
    "redirect_uris": st.lists(
        st.sampled_from(["https://a.example/", "http://127.0.0.1/", "a.b:/c", "https://*", "https://[", "\x00"]),
        max_size=2,
    ),
    "post_logout_redirect_uris": st.lists(st.sampled_from(["https://a.example/", "https://a.example:x"]), max_size=2),
    "require_pkce": st.booleans(),
    "access_token_lifetime": st.one_of(st.none(), st.integers(-1, 400), st.just(10**30)),
    "refresh_lifetime": st.one_of(st.none(), st.integers(0, 10**7)),
    "kind": st.sampled_from(["oidc", "oauth2", "saml"]),
    "issuer": st.sampled_from(
        ["https://idp.example.com", "https://[", "http://a", "https://a/?b", "\x00", "https://ü"]
    ),
    "endpoints": st.one_of(
        st.none(), st.just(dict.fromkeys(("authorization", "token", "user"), "https://a.example/")), st.just({})
    ),
    "client_secret": st.one_of(st.none(), st.sampled_from(["a secret", "", "\n", "é"])),
    "claims": st.one_of(st.just({}), st.just({"subject": ["sub"], "groups": "groups"}), st.just({"subject": []})),
    "trust_email": st.sampled_from(["never", "claim", "always"]),
    "allowed_domains": st.lists(st.sampled_from(["example.com", "*", "EXAMPLE.com"]), max_size=2),
    "create_users": st.booleans(),
    "default_roles": st.lists(st.sampled_from(["User", "1"]), max_size=2),
    "group_roles": st.lists(
        st.sampled_from([{"group": "staff", "role": "User"}, {"group": "", "role": "1"}]), max_size=2
    ),
    "response_mode": st.sampled_from(["query", "form_post"]),
    "shared_callback": st.booleans(),
    "end_upstream_session": st.booleans(),
    "icon": st.sampled_from(["openid", "github", "javascript:"]),
    "position": st.integers(-1, 10_001),
    "enabled": st.booleans(),
    "is_default": st.booleans(),
    "provider": st.sampled_from(["corp", "corp", "CORP", "\x00"]),
    "transaction": st.sampled_from(["0" * 22, "x"]),
    "link": st.sampled_from(["0" * 22, "x"]),
    "create": st.booleans(),
    "replace": st.booleans(),
    "previous_expires_in": st.one_of(st.integers(-1, 10**7), st.just(10**30)),
}


@st.composite
def bodies(draw: st.DrawFn, fields: Sequence[str]) -> bytes | None:
    """A body that is right but for a field or two, or none at all, or anything."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.one_of(st.none(), st.binary(max_size=60), st.integers(1, 3_000).map(lambda depth: b"[" * depth)))
    body = {name: draw(_RIGHT[name]) for name in fields}
    for name in draw(st.lists(st.sampled_from([*fields, "id", "built_in"]), max_size=2)):
        body[name] = draw(_JSON)
    for name in draw(st.lists(st.sampled_from(fields), max_size=2)) if draw(st.booleans()) else []:
        body.pop(name, None)
    return json.dumps(body).encode()


_CURSORS = st.tuples(
    st.sampled_from(["username", "-username", "email", "-created_at", "created_at", "x"]),
    st.one_of(
        st.sampled_from([*_STRANGE, "2026-01-01T00:00:00+00:00", "2026-01-01", "0001-01-01T00:00:00+00:00"]), _JSON
    ),
    st.one_of(st.just(UNKNOWN_ID), _JSON),
).map(lambda parts: base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("="))
_ENCODABLE = _TEXT.filter(lambda text: not any("\ud800" <= character <= "\udfff" for character in text))
_QUERY = {
    "search": _ENCODABLE,
    "role": st.one_of(st.sampled_from(["User", "Admin"]), _ENCODABLE),
    "status": st.one_of(st.sampled_from(["active", "disabled"]), _ENCODABLE),
    "sort": st.one_of(st.sampled_from(["username", "-username", "email", "created_at", "-created_at"]), _ENCODABLE),
    "limit": st.one_of(st.integers(-1, 201).map(str), _ENCODABLE),
    "cursor": st.one_of(_CURSORS, _ENCODABLE),
    "all": st.one_of(st.sampled_from(["true", "false"]), _ENCODABLE),
    "epoch": st.one_of(st.integers(-1, 2**64).map(str), _ENCODABLE),
    "seq": st.one_of(st.integers(-1, 2**64).map(str), _ENCODABLE),
    "wait": st.sampled_from(["0", "-0", "-1", "2", "nan", "inf", "1e400", "x"]),
}
_CLIENT = [
    "name", "first_party", "application_type", "auth_method", "grants", "scopes", "audiences", "redirect_uris",
    "post_logout_redirect_uris", "require_pkce", "access_token_lifetime", "refresh_lifetime", "disabled",
]  # fmt: skip
_PROVIDER = [
    "display_name", "kind", "issuer", "endpoints", "client_id", "client_secret", "auth_method", "scopes", "claims",
    "trust_email", "allowed_domains", "create_users", "default_roles", "group_roles", "response_mode",
    "shared_callback", "end_upstream_session", "icon", "position", "enabled", "is_default",
]  # fmt: skip
_QUERIES = {
    "/clients/v1": ["search", "limit", "cursor"],
    "/verifiers/v1": ["search", "limit", "cursor"],
    "/verifiers/v1/feed": ["epoch", "seq", "wait", "page"],
    "/users/v1": ["search", "role", "status", "sort", "limit", "cursor"],
    "/auth/v1/logout": ["all"],
    "/internal/v1/feed": ["epoch", "seq", "wait", "page"],
}
_FIELDS = {
    "/auth/v1/login/local": ["username", "password", "transaction", "link"],
    "/auth/v1/oauth/link": ["provider"],
    "/auth/v1/providers": ["name", *_PROVIDER],
    "/auth/v1/providers/test": ["name", *_PROVIDER],
    "/auth/v1/providers/{provider_id}": _PROVIDER,
    "/auth/v1/password/reset": ["token", "password"],
    "/users/v1": ["username", "email", "roles", "password", "display_name"],
    "/users/v1/{user_id}": ["username", "email", "roles", "display_name", "disabled"],
    "/internal/v1/principals": ["subject"],
    "/clients/v1": ["client_id", *_CLIENT],
    "/clients/v1/{client_id}": _CLIENT,
    "/clients/v1/{client_id}/secrets": ["previous_expires_in"],
    "/verifiers/v1": ["name", "audience"],
    "/verifiers/v1/{verifier_id}": ["name", "audience"],
    "/verifiers/v1/{verifier_id}/secrets": ["previous_expires_in"],
    "/verifiers/v1/principals": ["subject"],
    "/keys/v1/{key}/publish": ["create"],
    "/keys/v1/{key}/versions/{version}/revoke": ["replace"],
}
_ENDS_THE_CALLER = {"/me/v1/sessions/end-all"}
"""Left out, so that the token stays good."""
# Not of the key that signed the caller's own token, which is to stay good.
_KEYS = st.sampled_from(["id", "id", "id", "ID", "access-", UNKNOWN_ID, "..", "%00", "%ff"])
_VERSIONS = st.sampled_from(["1", "1", "2", "3", "0", "-1", "01", "9" * 30, "x", "%00"])
_ACCESS_IDS = st.sampled_from(["0" * 22, "0" * 22, "z" * 22, "..", "%00", "%ff", "x"])
_NO_VERIFIER_IDS = st.sampled_from(["feed", "principals", "shop", UNKNOWN_ID, "..", "%00", "%ff", "%F0%9F%98%80"])
_CLIENT_IDS = st.sampled_from(["shop", "shop", "shop", "bff", "Shop", UNKNOWN_ID, "..", "%00", "%ff", "%F0%9F%98%80"])
_PROVIDER_NAMES = st.sampled_from(["corp", "corp", "CORP", "..", "%00", "%ff", "%F0%9F%98%80"])
_HEADER_TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=30)
_MUTATED = st.tuples(
    st.sampled_from(
        ["Content-Type", "Accept", "If-Match", "Cookie", "Origin", "X-CSRF", "Authorization", "User-Agent",
         "X-Forwarded-For", "Accept-Encoding", "Range", "If-None-Match", "Content-Encoding", "Host"]
    ),
    st.one_of(
        st.sampled_from(
            ['"1"', "*", "text/plain", "multipart/form-data", "application/json; charset=utf-16", "gzip", "x:y"]
        ),
        _HEADER_TEXT,
    ),
)  # fmt: skip
_METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"])


@dataclass(frozen=True)
class Request:
    """One request of an attacker who holds a credential, or nearly."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes | None


@dataclass(frozen=True)
class Credentials:
    """What an attacker holds: a bearer token, and on the public port what a verifier sends.

    ``other_verifier`` is another one's id: that one is acted on, so that the credential stays good. ``provider_id`` is
    that of an identity provider.
    """

    bearer: str
    verifier: str = ""
    other_verifier: str = "verifier-1"
    provider_id: str = UNKNOWN_ID

    def for_path(self, path: str) -> str:
        """Return the Authorization header that fits."""
        return self.verifier if path in FOR_VERIFIERS else f"Bearer {self.bearer}"


@st.composite
def requests(
    draw: st.DrawFn, operations: Sequence[tuple[str, str]], credentials: Credentials, known: Sequence[str]
) -> Request:
    """A request to one of ``operations``, right in most of its parts."""
    method, path = draw(st.sampled_from(operations))
    if draw(st.integers(0, 19)) == 0:
        method = draw(_METHODS)
    ids = st.sampled_from([*known, *known, *known, UNKNOWN_ID, known[0].upper(), f"{{{known[0]}}}", "..", "%00", "%ff"])
    names = draw(st.lists(st.sampled_from(_QUERIES.get(path, ["x"])), max_size=3)) if method != "PUT" else []
    headers = {**BROWSER, "Authorization": credentials.for_path(path), "Content-Type": "application/json"}
    # Nobody is deleted, so that there is always somebody to act on.
    headers["If-Match"] = '"99"' if method == "DELETE" else f'"{draw(st.integers(1, 6))}"'
    if draw(st.integers(0, 3)) == 0:
        headers.update([draw(_MUTATED)])
    has_body = method in ("POST", "PUT", "PATCH") and path in _FIELDS
    return Request(
        method,
        path.replace("{user_id}", draw(ids))
        .replace("{client_id}", draw(_CLIENT_IDS))
        .replace("{verifier_id}", draw(st.one_of(st.just(credentials.other_verifier), _NO_VERIFIER_IDS)))
        .replace("{session_id}", draw(_ACCESS_IDS))
        .replace("{device_id}", draw(_ACCESS_IDS))
        .replace("{provider_id}", draw(st.one_of(st.just(credentials.provider_id), ids)))
        .replace("{identity_id}", draw(ids))
        .replace("{pending_id}", draw(_ACCESS_IDS))
        .replace("{provider}", draw(_PROVIDER_NAMES))
        .replace("{key}", draw(_KEYS))
        .replace("{version}", draw(_VERSIONS)),
        [(name, draw(_QUERY.get(name, _ENCODABLE))) for name in names],
        headers,
        draw(bodies(_FIELDS[path])) if has_body else None,
    )


@contextmanager
def serving(folder: Path) -> Iterator[tuple[asyncio.Runner, HttpWorld]]:
    """Run an issuer on SQLite for synchronous tests: one loop for all examples."""
    with asyncio.Runner() as runner:
        context = running_on_sqlite(folder, issuer_settings(login_attempts_per_address=1_000_000))
        http, _ = runner.run(context.__aenter__())
        try:
            yield runner, http
        finally:
            runner.run(context.__aexit__(None, None, None))


async def prepare(http: HttpWorld) -> tuple[Credentials, list[str]]:
    """Make people and services to act on, and return the credentials of two that are none of them, and who they are."""
    await http.world.use.ensure_accounts(
        email="admin@example.com", password=Secret("another good password"), with_cli=True
    )
    await http.world.use.load_read_models()
    alice = await http.world.add_user("alice", roles=("Admin", "User"))
    bob = await http.world.add_user("bob")
    await http.world.use.create_client(CreateClientCommand(SHOP, ADMIN_ACTOR))
    # The operator is not among those who are acted on, so the token stays good.
    await http.world.add_user("operator", roles=("Admin",))
    command = CreateVerifierCommand("Reports", "https://reports.example.com", ADMIN_ACTOR)
    asking, other = await http.world.use.create_verifier(command), await http.world.use.create_verifier(command)
    pair = f"{asking.client.client_id}:{asking.secret.reveal()}"
    basic = f"Basic {base64.b64encode(pair.encode()).decode()}"
    corp = await http.world.use.register_provider(RegisterProviderCommand(CORP, Secret("a secret"), ADMIN_ACTOR))
    token = await http.token("operator")
    return Credentials(token, basic, other.client.client_id, str(corp.id)), [str(alice.id), str(bob.id)]


def check(answer: httpx.Response, document: dict[str, Any]) -> None:
    """An answer is one that the document describes: a success of its schema, or a problem."""
    assert answer.status_code != 500, answer.text
    assert answer.headers["x-request-id"]
    fitting = [path for path in document["paths"] if _matches(path, answer.request.url.path)]
    # A path that is named in full goes before one that has it as a parameter, as in the router.
    template = min(fitting, key=lambda path: path.count("{"), default=None)
    operation = document["paths"].get(template or "", {}).get(answer.request.method.lower())
    if answer.status_code >= 400:
        assert answer.status_code in FRAMEWORK_ANSWERS
        if template == "/health/ready" and answer.status_code == 503:
            return
        if template in OAUTH and answer.headers["content-type"] == "application/json":
            assert answer.json().keys() == {"error", "error_description"}
            return
        assert answer.headers["content-type"] == "application/problem+json"
        if answer.request.method != "HEAD":
            assert not list(violations(answer.json(), PROBLEM, document)), answer.text
            assert answer.json()["status"] == answer.status_code
        if answer.status_code in (429, 503):
            assert int(answer.headers["retry-after"]) >= 1
        if answer.status_code == 401:
            scheme = "Basic" if template in FOR_VERIFIERS else "Bearer"
            assert answer.headers["www-authenticate"].startswith(f'{scheme} realm="paseport"')
        return
    if answer.request.method == "OPTIONS":
        assert (answer.status_code, answer.content) == (204, b"")
        return
    if answer.request.method == "HEAD":
        assert (answer.content, "get" in document["paths"].get(template or "", {})) == (b"", True)
        return
    if template is not None and not document["paths"][template]:
        return  # the internal port publishes no document
    assert operation is not None, (answer.request.method, answer.request.url.path)
    content = operation["responses"][str(answer.status_code)].get("content", {})
    if not content:
        assert answer.content == b""
        return
    assert answer.headers["content-type"] == "application/json"
    assert not list(violations(answer.json(), content["application/json"]["schema"], document)), answer.text


def _matches(template: str, path: str) -> bool:
    parts, given = template.split("/"), path.rstrip("/").split("/")
    return len(parts) == len(given) and all(
        part.startswith("{") or part == other for part, other in zip(parts, given, strict=True)
    )


_SETTINGS = settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))


def fuzz(
    runner: asyncio.Runner, app: Litestar, document: dict[str, Any], credentials: Credentials, known: Sequence[str]
) -> None:
    """Send random requests; whatever they are, every answer is one that ``document`` describes."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app, client=("192.0.2.7", 50000)), base_url=ISSUER)
    operations = [
        (method.upper(), path)
        for path, described in document["paths"].items()
        for method in described or ("get", "post")
        if path not in _ENDS_THE_CALLER
    ]

    @_SETTINGS
    @given(requests([*operations, ("GET", "/nothing")], credentials, known))
    def one(request: Request) -> None:
        headers = [(name.encode(), value.encode("latin-1")) for name, value in request.headers.items()]
        answer = runner.run(
            client.request(request.method, request.path, params=request.query, headers=headers, content=request.body)
        )
        client.cookies.clear()
        check(answer, document)

    one()


def test_no_request_to_the_public_port_is_answered_by_anything_but_what_is_described(tmp_path: Path) -> None:
    """AD-16, AD-08, LG-03: methods, paths, queries, headers and bodies at random, on a real database."""
    with serving(tmp_path) as (runner, http):
        credentials, known = runner.run(prepare(http))
        fuzz(runner, http.public, openapi_document(http.public), credentials, known)


def test_no_request_to_the_internal_port_is_answered_by_anything_but_a_problem_or_success(tmp_path: Path) -> None:
    """AD-16: the port of the api and the command line, whose clients are trusted no more than others."""
    with serving(tmp_path) as (runner, http):
        _, known = runner.run(prepare(http))
        paths = {route.path: {} for route in http.internal.routes}
        components = openapi_document(http.public)["components"]
        for secret in (http.world.settings.service_secret, http.world.settings.cli_secret):
            assert secret is not None
            document = {"paths": paths, "components": components}
            fuzz(runner, http.internal, document, Credentials(secret.reveal()), known[:1])


_ANSWERS = st.lists(
    st.tuples(
        st.sampled_from(
            ["provider", "transaction", "return_to", "state", "code", "iss", "error", "error_description", "x"]
        ),
        st.one_of(st.sampled_from(["corp", "0" * 22, "https://idp.example.com", "//evil.example"]), _ENCODABLE),
    ),
    max_size=5,
)
_PAGES = [
    "/auth/v1/oauth/init",
    "/auth/v1/oauth/callback",
    "/auth/v1/oauth/callback/corp",
    "/auth/v1/oauth/callback/%00",
]


def test_no_answer_of_a_provider_is_answered_by_anything_but_a_page_or_a_redirect(tmp_path: Path) -> None:
    """XI-01, XI-14: what a browser may be led to with anything in its address, or post as a form."""
    with serving(tmp_path) as (runner, http):
        runner.run(prepare(http))
        transport = httpx.ASGITransport(http.public, client=("192.0.2.7", 50000))
        client = httpx.AsyncClient(transport=transport, base_url=ISSUER)

        @_SETTINGS
        @given(st.sampled_from(["GET", "POST"]), st.sampled_from(_PAGES), _ANSWERS, _HEADER_TEXT)
        def one(method: str, path: str, parameters: list[tuple[str, str]], cookie: str) -> None:
            encoded = urlencode(parameters)
            cookies = "; ".join(f"__Host-paseport-{name}={cookie}" for name in ("txn", "session")).encode("latin-1")
            headers = [(b"Cookie", cookies), (b"Content-Type", b"application/x-www-form-urlencoded")]
            sent = {"params": parameters} if method == "GET" else {"content": encoded}
            answer = runner.run(client.request(method, path, headers=headers, **sent))
            client.cookies.clear()
            assert answer.status_code in {303, 400, 404, 405, 422, 429}, answer.text
            if answer.status_code == 303:
                where = answer.headers["location"]
                assert where.startswith(("/auth/v1/oauth/callback", "/login?", "https://idp.example.com/"))
            elif answer.status_code != 405:
                assert answer.headers["content-type"].startswith("text/html")
                assert "evil" not in answer.text

        one()
