"""Speaking HTTP to the running issuer, so that every command changes the system that serves people now."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, Generic, TypeVar
from urllib.parse import quote
from uuid import UUID

import httpx
import msgspec
from paseport_shared.domain.models.identifiers import canonical

from paseport_standalone.cli.api_key_views import ApiKeyView, NewApiKeyView, parse_id
from paseport_standalone.cli.browser_sign_in import refreshed
from paseport_standalone.cli.errors import NOT_RUNNING, CommandFailed
from paseport_standalone.cli.issuer_http import answer, issuer_url, open_here, open_issuer, read
from paseport_standalone.cli.policy_views import ExplanationView
from paseport_standalone.cli.provider_views import (
    Findings,
    IdentityList,
    PresetList,
    PresetView,
    ProviderList,
    ProviderView,
)
from paseport_standalone.cli.sign_ins import SignIns
from paseport_standalone.data_folder import DataFolder, DataFolderProblem
from paseport_standalone.settings import find_config_folder, find_data_folder, find_issuer

_PAGE: Final = 200
_FOR_VERIFIERS: Final = frozenset({"feed", "principals"})
"""Below the path of verifiers, and none of them."""
_PROVIDERS: Final = "/auth/v1/providers"
_ALL_KEYS: Final = "/api/users/-/tokens"
_OWN_KEYS: Final = "/api/me/tokens"
_SPARE_SECONDS: Final = 60.0
"""How long an access token must still be good to begin a command with it."""

_View = TypeVar("_View")


class UserView(msgspec.Struct, frozen=True):
    """A user as the issuer shows it."""

    id: str
    username: str
    email: str
    email_verified: bool
    display_name: str | None
    roles: tuple[str, ...]
    disabled: bool
    built_in: bool
    has_password: bool
    created_at: str
    updated_at: str


class Page(msgspec.Struct, Generic[_View], frozen=True):
    """Part of a list. ``next`` is the cursor of the page after it."""

    items: tuple[_View, ...]
    next: str | None
    total: int


class ResetLink(msgspec.Struct, frozen=True):
    """A one-time link."""

    url: str
    expires_at: str


class SecretView(msgspec.Struct, frozen=True):
    """A secret of a client, without the secret."""

    id: str
    created_at: str | None
    expires_at: str | None


class ClientView(msgspec.Struct, frozen=True, kw_only=True):
    """A client as the issuer shows it."""

    client_id: str
    name: str
    first_party: bool
    application_type: str
    auth_method: str
    grants: tuple[str, ...]
    scopes: tuple[str, ...]
    audience: str
    audiences: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    require_pkce: bool
    access_token_lifetime: int | None
    refresh_lifetime: int | None
    disabled: bool
    source: str
    secrets: tuple[SecretView, ...]
    created_at: str | None
    updated_at: str | None


class CreatedClient(ClientView, frozen=True, kw_only=True):
    """A client that was made just now, with its secret where it has one."""

    client_secret: str | None


class VerifierView(msgspec.Struct, frozen=True, kw_only=True):
    """A registered verifier as the issuer shows it."""

    client_id: str
    name: str
    audience: str
    secrets: tuple[SecretView, ...]
    created_at: str | None
    updated_at: str | None


class CreatedVerifier(VerifierView, frozen=True, kw_only=True):
    """A verifier that was registered just now, with its secret."""

    client_secret: str


class RolledSecret(msgspec.Struct, frozen=True):
    """A secret that was made just now."""

    id: str
    client_secret: str
    secrets: tuple[SecretView, ...]


class KeyVersionView(msgspec.Struct, frozen=True):
    """A version of a key as the issuer shows it, with the step that it may take, and from when."""

    key: str
    key_name: str
    algorithm: str
    version: int
    kid: str
    status: str
    not_before: str
    not_after: str | None
    since: str
    next_step: str | None
    possible_from: str | None


class RevokedKey(msgspec.Struct, frozen=True):
    """A version that was revoked, and the one that signs from now on, if any."""

    revoked: KeyVersionView
    signs: KeyVersionView | None


class ImportedKeyView(msgspec.Struct, frozen=True):
    """What became of a key of another system, or would."""

    digest: str
    outcome: str
    id: str | None


class _Imported(msgspec.Struct, frozen=True):
    items: tuple[ImportedKeyView, ...]


class _KeyList(msgspec.Struct, frozen=True):
    items: tuple[KeyVersionView, ...]


class _Metadata(msgspec.Struct, frozen=True):
    issuer: str


class _Token(msgspec.Struct, frozen=True):
    access_token: str


class IssuerClient:
    """An issuer, as the holder of an access token. Every method raises ``CommandFailed``."""

    def __init__(self, http: httpx.Client, token: str) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"}

    def users(self, query: dict[str, str]) -> Page[UserView]:
        """Return one page of users; ``query`` is that of ``GET /users/v1``."""
        return read(self._send("GET", "/users/v1", params=query), Page[UserView])

    def create_user(self, user: dict[str, object]) -> UserView:
        """Create a user."""
        return read(self._send("POST", "/users/v1", json=user), UserView)

    def find_user(self, name: str) -> UserView:
        """Return the user with this id, user name or e-mail address."""
        return read(self._find(name), UserView)

    def change_user(self, name: str, changes: dict[str, object]) -> UserView:
        """Change a user as it stands now: a change by somebody else in between is refused, not overwritten."""
        found = self._find(name)
        user = read(found, UserView)
        headers = {"If-Match": found.headers.get("ETag", "")}
        return read(self._send("PATCH", f"/users/v1/{user.id}", json=changes, headers=headers), UserView)

    def reset_password(self, user_id: str) -> ResetLink:
        """Make a link with which its holder sets a new password once."""
        return read(self._send("POST", f"/users/v1/{user_id}/password-reset"), ResetLink)

    def api_keys(self, query: dict[str, str], *, own: bool) -> Page[ApiKeyView]:
        """Return one page of everybody's API keys, or of one's own; ``query`` is that of the list."""
        return read(self._send("GET", _OWN_KEYS if own else _ALL_KEYS, params=query), Page[ApiKeyView])

    def api_key(self, key_id: str, *, own: bool) -> ApiKeyView:
        """Return one API key, whosever it is, or one of one's own."""
        return read(self._api_key(key_id, own=own), ApiKeyView)

    def create_api_key(self, key: dict[str, object], owner: str | None) -> NewApiKeyView:
        """Make an API key for a user, or with None for oneself."""
        path = _OWN_KEYS if owner is None else f"/api/users/{self.find_user(owner).id}/tokens"
        return read(self._send("POST", path, json=key), NewApiKeyView)

    def change_api_key(self, key_id: str, changes: dict[str, object], *, own: bool) -> ApiKeyView:
        """Change an API key as it stands now: a change by somebody else in between is refused, not overwritten."""
        found = self._api_key(key_id, own=own)
        headers = {"If-Match": found.headers.get("ETag", "")}
        path = _path_of_key(read(found, ApiKeyView), own=own)
        return read(self._send("PATCH", path, json=changes, headers=headers), ApiKeyView)

    def rotate_api_key(self, key_id: str, overlap_hours: int, *, own: bool) -> NewApiKeyView:
        """Give an API key a new secret."""
        path = _path_of_key(self.api_key(key_id, own=own), own=own)
        body: dict[str, object] = {"overlap_hours": overlap_hours}
        return read(self._send("POST", f"{path}/rotate", json=body), NewApiKeyView)

    def revoke_api_key(self, key_id: str, *, own: bool) -> ApiKeyView:
        """Revoke an API key as it stands now, and return what it was."""
        found = self._api_key(key_id, own=own)
        key = read(found, ApiKeyView)
        headers = {"If-Match": found.headers.get("ETag", "")}
        self._send("DELETE", _path_of_key(key, own=own), headers=headers)
        return key

    def import_api_keys(
        self, user_id: str, keys: Sequence[Mapping[str, object]], *, dry_run: bool
    ) -> tuple[ImportedKeyView, ...]:
        """Let a user have keys of another system, or with ``dry_run`` see what would become of them."""
        body: dict[str, object] = {"keys": list(keys), "dry_run": dry_run}
        return read(self._send("POST", f"/api/users/{user_id}/tokens/import", json=body), _Imported).items

    def identities(self, user_id: str) -> IdentityList:
        """Return the accounts at identity providers with which a user signs in."""
        return read(self._send("GET", f"/users/v1/{user_id}/identities"), IdentityList)

    def unlink_identity(self, user_id: str, identity_id: str) -> None:
        """Take one of them away, the last one too."""
        self._send("DELETE", f"/users/v1/{user_id}/identities/{identity_id}")

    def clients(self, query: dict[str, str]) -> Page[ClientView]:
        """Return one page of clients; ``query`` is that of ``GET /clients/v1``."""
        return read(self._send("GET", "/clients/v1", params=query), Page[ClientView])

    def client(self, client_id: str) -> ClientView:
        """Return one client."""
        return read(self._send("GET", _client_path(client_id)), ClientView)

    def create_client(self, client: dict[str, object]) -> CreatedClient:
        """Create a client."""
        return read(self._send("POST", "/clients/v1", json=client), CreatedClient)

    def change_client(self, client_id: str, changes: dict[str, object]) -> ClientView:
        """Change a client as it stands now: a change by somebody else in between is refused, not overwritten."""
        path = _client_path(client_id)
        headers = {"If-Match": self._send("GET", path).headers.get("ETag", "")}
        return read(self._send("PATCH", path, json=changes, headers=headers), ClientView)

    def delete_client(self, client_id: str) -> None:
        """Delete a client as it stands now."""
        self._delete(_client_path(client_id))

    def roll_client_secret(self, client_id: str, previous_expires_in: int) -> RolledSecret:
        """Make a new secret for a client."""
        return self._roll_secret(_client_path(client_id), previous_expires_in)

    def delete_client_secret(self, client_id: str, secret_id: str) -> None:
        """End one secret of a client."""
        self._send("DELETE", f"{_client_path(client_id)}/secrets/{quote(secret_id, safe='')}")

    def issuer(self) -> str:
        """Return the issuer's own name, as its tokens have it."""
        return read(self._send("GET", "/.well-known/openid-configuration"), _Metadata).issuer

    def verifiers(self, query: dict[str, str]) -> Page[VerifierView]:
        """Return one page of registered verifiers; ``query`` is that of ``GET /verifiers/v1``."""
        return read(self._send("GET", "/verifiers/v1", params=query), Page[VerifierView])

    def verifier(self, verifier_id: str) -> VerifierView:
        """Return one registered verifier."""
        return read(self._send("GET", _verifier_path(verifier_id)), VerifierView)

    def create_verifier(self, name: str, audience: str) -> CreatedVerifier:
        """Register a verifier."""
        body: dict[str, object] = {"name": name, "audience": audience}
        return read(self._send("POST", "/verifiers/v1", json=body), CreatedVerifier)

    def revoke_verifier(self, verifier_id: str) -> None:
        """Revoke a verifier as it stands now."""
        self._delete(_verifier_path(verifier_id))

    def roll_verifier_secret(self, verifier_id: str, previous_expires_in: int) -> RolledSecret:
        """Make a new secret for a verifier."""
        return self._roll_secret(_verifier_path(verifier_id), previous_expires_in)

    def presets(self) -> tuple[PresetView, ...]:
        """Return what is known about widespread identity providers."""
        return read(self._send("GET", f"{_PROVIDERS}/presets"), PresetList).items

    def providers(self) -> ProviderList:
        """Return every identity provider."""
        return read(self._send("GET", _PROVIDERS), ProviderList)

    def find_provider(self, name: str) -> ProviderView:
        """Return the identity provider with this name or id."""
        for provider in self.providers().items:
            if name in (provider.name, provider.id):
                return provider
        advice = "See `paseport providers list`."
        raise CommandFailed("not_found", f"There is no identity provider {name}.", advice=advice)

    def create_provider(self, provider: dict[str, object]) -> ProviderView:
        """Register an identity provider."""
        return read(self._send("POST", _PROVIDERS, json=provider), ProviderView)

    def change_provider(self, name: str, changes: dict[str, object]) -> ProviderView:
        """Change an identity provider as it stands now.

        What is named of ``claims`` and ``endpoints`` is changed, the rest of them stays. A change by somebody else in
        between is refused, not overwritten.
        """
        path = f"{_PROVIDERS}/{self.find_provider(name).id}"
        found = self._send("GET", path)
        body = with_parts(changes, msgspec.to_builtins(read(found, ProviderView)))
        headers = {"If-Match": found.headers.get("ETag", "")}
        return read(self._send("PATCH", path, json=body, headers=headers), ProviderView)

    def try_provider(self, name: str) -> Findings:
        """Try the connection to an identity provider, its credentials included."""
        return read(self._send("POST", f"{_PROVIDERS}/{self.find_provider(name).id}/test"), Findings)

    def key_versions(self) -> tuple[KeyVersionView, ...]:
        """Return every version of every key."""
        return read(self._send("GET", "/keys/v1"), _KeyList).items

    def publish_key(self, key: str, *, create: bool) -> KeyVersionView:
        """Publish a version of a key, a new one where none waits and it is to be made."""
        return read(self._send("POST", f"/keys/v1/{key}/publish", json={"create": create}), KeyVersionView)

    def step_key(self, key: str, version: int, step: str) -> KeyVersionView:
        """Let a version take a step: ``activate`` or ``retire``."""
        return read(self._send("POST", f"/keys/v1/{key}/versions/{version}/{step}"), KeyVersionView)

    def revoke_key(self, key: str, version: int, *, replace: bool) -> RevokedKey:
        """Revoke a version, with one that takes its place where that is asked for."""
        body: dict[str, object] = {"replace": replace}
        return read(self._send("POST", f"/keys/v1/{key}/versions/{version}/revoke", json=body), RevokedKey)

    def _api_key(self, key_id: str, *, own: bool) -> httpx.Response:
        if parse_id(key_id) is None:
            raise CommandFailed("not_found", "There is no such key.", advice="See `paseport api-keys list`.")
        return self._send("GET", f"{_OWN_KEYS if own else _ALL_KEYS}/{parse_id(key_id)}")

    def explain_policy(self, question: dict[str, object]) -> ExplanationView:
        """Ask the api what it decides; ``question`` is the body of ``POST /api/policy/explain``."""
        return read(self._send("POST", "/api/policy/explain", json=question), ExplanationView)

    def _find(self, name: str) -> httpx.Response:
        if (user_id := _as_uuid(name)) is not None:
            return self._send("GET", f"/users/v1/{user_id}")
        wanted = canonical(name)
        query = {"search": name, "limit": str(_PAGE)}
        while True:
            page = self.users(query)
            for user in page.items:
                if wanted in (canonical(user.username), canonical(user.email)):
                    return self._send("GET", f"/users/v1/{user.id}")
            if page.next is None:
                raise CommandFailed("not_found", f"There is no user {name}.", advice="See `paseport users list`.")
            query["cursor"] = page.next

    def _delete(self, path: str) -> None:
        headers = {"If-Match": self._send("GET", path).headers.get("ETag", "")}
        self._send("DELETE", path, headers=headers)

    def _roll_secret(self, path: str, previous_expires_in: int) -> RolledSecret:
        body: dict[str, object] = {"previous_expires_in": previous_expires_in}
        return read(self._send("POST", f"{path}/secrets", json=body), RolledSecret)

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        json: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        return answer(self._http, method, path, params=params, json=json, headers=self._headers | (headers or {}))


@contextmanager
def connect(named: str | None) -> Iterator[IssuerClient]:
    """Open the way to an issuer, as whoever signed in there; to the one of the data folder where none is named.

    Raises ``CommandFailed``.
    """
    issuer = find_issuer(named)
    if issuer is None:
        with connect_here(find_data_folder()) as client:
            yield client
        return
    issuer = issuer_url(issuer)
    with open_issuer(issuer) as http:
        token = _token_of(SignIns(find_config_folder()), issuer, http)
        try:
            yield IssuerClient(http, token)
        except CommandFailed as error:
            if error.code == "invalid_token":
                # Its access token was good for a while yet: somebody has ended the sign-in.
                raise _signed_out(issuer) from error
            if error.code == "reauthentication_required":
                error.advice = f"Sign in again, then repeat it: paseport login --issuer {issuer}"
            raise


def _token_of(sign_ins: SignIns, issuer: str, http: httpx.Client) -> str:
    """Return an access token that is good for a while, refreshing it where it is not."""
    with sign_ins.locked():
        held = sign_ins.find(issuer)
        if held is None:
            raise _signed_out(issuer)
        if held.expires_at - time.time() < _SPARE_SECONDS:
            try:
                held = refreshed(http, issuer, held)
            except CommandFailed as error:
                if error.code != "invalid_grant":
                    raise
                sign_ins.remove(issuer)
                raise _signed_out(issuer) from error
            sign_ins.put(issuer, held)
    return held.access_token


@contextmanager
def connect_here(folder: DataFolder) -> Iterator[IssuerClient]:
    """Open the way to the issuer that serves ``folder``, as the built-in account ``cli``. Raises ``CommandFailed``."""
    runtime = folder.find_runtime()
    if runtime is None:
        raise _not_running(folder)
    try:
        secret = folder.find_cli_secret()
    except DataFolderProblem as error:
        raise CommandFailed("data_folder_problem", str(error)) from error
    if secret is None:
        raise _not_running(folder)
    with open_here(runtime.internal_url) as internal:
        headers = {"Authorization": f"Bearer {secret.reveal()}"}
        token = read(answer(internal, "POST", "/internal/v1/cli-token", headers=headers), _Token)
    with open_here(runtime.public_url) as http:
        yield IssuerClient(http, token.access_token)


def with_parts(stated: dict[str, object], whole: dict[str, object]) -> dict[str, object]:
    """Return ``stated``, where an object has the members that it leaves out as they are in ``whole``."""

    def completed(name: str, value: object) -> object:
        before = whole.get(name)
        return {**before, **value} if isinstance(value, dict) and isinstance(before, dict) else value

    return {name: completed(name, value) for name, value in stated.items()}


def _client_path(client_id: str) -> str:
    if client_id.strip(".") == "":
        # As a segment of a path it would name something else.
        raise CommandFailed("not_found", "There is no such client.", advice="See `paseport clients list`.")
    return f"/clients/v1/{quote(client_id, safe='')}"


def _verifier_path(verifier_id: str) -> str:
    if verifier_id.strip(".") == "" or verifier_id in _FOR_VERIFIERS:
        raise CommandFailed("not_found", "There is no such verifier.", advice="See `paseport verifiers list`.")
    return f"/verifiers/v1/{quote(verifier_id, safe='')}"


def _path_of_key(key: ApiKeyView, *, own: bool) -> str:
    return f"{_OWN_KEYS}/{key.id}" if own else f"/api/users/{key.owner.id}/tokens/{key.id}"


def _as_uuid(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


def _signed_out(issuer: str) -> CommandFailed:
    return CommandFailed(
        "signed_out", f"You are not signed in to {issuer}.", advice=f"Sign in: paseport login --issuer {issuer}"
    )


def _not_running(folder: DataFolder) -> CommandFailed:
    return CommandFailed(
        "not_running",
        f"No issuer serves {folder.path}.",
        advice="Start it with `paseport run` (or `make run`), or name its data folder: PASEPORT_DATA_DIR.",
        exit_code=NOT_RUNNING,
    )
