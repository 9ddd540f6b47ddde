"""Clients from ``OAUTH_CLIENTS_JSON``: a list of objects, checked whole; everything that is wrong is named together."""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Final

import msgspec
from paseport.secret import Secret
from paseport_shared.domain.models.client import (
    BUILT_IN_IDS,
    ApplicationType,
    Client,
    ClientAuthMethod,
    ClientSecretHash,
    ClientSource,
    GrantType,
    digest_of,
)
from paseport_shared.domain.models.client_registration import ClientRules, secret_problem
from paseport_shared.domain.models.client_registry import is_client_id
from paseport_shared.domain.models.redirect_uri import registration_problem
from paseport_shared.settings import SettingProblem
from paseport_shared.settings import secret_problem as text_problem

CLIENTS_VARIABLE: Final = "OAUTH_CLIENTS_JSON"
MOBILE_VARIABLE: Final = "MOBILE_REDIRECT_URIS"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

_Seconds = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class _Configured(msgspec.Struct, frozen=True, kw_only=True):
    """One client as an operator writes it; the same names as in the admin API, and a secret."""

    client_id: str
    name: str
    first_party: bool = False
    application_type: ApplicationType = ApplicationType.WEB
    auth_method: ClientAuthMethod = ClientAuthMethod.BASIC
    grants: tuple[GrantType, ...] = (GrantType.AUTHORIZATION_CODE,)
    scopes: tuple[str, ...] = ("openid",)
    audiences: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    require_pkce: bool = True
    access_token_lifetime: _Seconds | None = None
    refresh_lifetime: _Seconds | None = None
    disabled: bool = False
    secret: str | None = None
    secret_sha256: str | None = None


def read_configured_clients(
    text: Secret[str] | None, rules: ClientRules
) -> tuple[tuple[Client, ...], tuple[SettingProblem, ...]]:
    """Return the clients, and everything that is wrong with any of them. No message shows a value."""
    if text is None:
        return (), ()
    try:
        stated = msgspec.json.decode(text.reveal())
    except (msgspec.DecodeError, RecursionError):
        return (), (SettingProblem(CLIENTS_VARIABLE, "must be JSON"),)
    if not isinstance(stated, list):
        return (), (SettingProblem(CLIENTS_VARIABLE, "must be a list of clients"),)
    clients: list[Client] = []
    problems: list[SettingProblem] = []
    for number, item in enumerate(stated, start=1):
        client, found = _read_client(item, rules)
        clients += [] if client is None else [client]
        where = f"client {number}"
        if client is not None and is_client_id(client.client_id):
            where += f" ({client.client_id})"
        problems += (SettingProblem(CLIENTS_VARIABLE, f"{where}: {problem}") for problem in found)
    counted = Counter(client.client_id for client in clients)
    if any(count > 1 for count in counted.values()):
        problems.append(SettingProblem(CLIENTS_VARIABLE, "defines a client_id twice"))
    return tuple(clients), tuple(problems)


def mobile_problems(redirect_uris: tuple[str, ...]) -> Iterator[SettingProblem]:
    """Yield what is wrong with the redirect URIs of the built-in client ``mobile``."""
    for number, uri in enumerate(redirect_uris, start=1):
        if (problem := registration_problem(uri, ApplicationType.NATIVE)) is not None:
            yield SettingProblem(MOBILE_VARIABLE, f"number {number} {problem}")


def _read_client(item: object, rules: ClientRules) -> tuple[Client | None, list[str]]:
    """Return a client where its values have the right types, and what is wrong with it in either case."""
    if not isinstance(item, dict):
        return None, ["must be an object"]
    fields = {field.name: field for field in msgspec.structs.fields(_Configured)}
    values: dict[str, Any] = {}
    problems = []
    if any(name not in fields for name in item):
        problems.append(f"has a field that is unknown; there are {', '.join(fields)}")
    for name, field in fields.items():
        if name not in item:
            problems += [f"{name} is required"] if field.required else []
            continue
        try:
            values[name] = msgspec.convert(item[name], field.type)
        except msgspec.ValidationError:
            problems.append(f"{name} must be {_expected(field.type)}")
    if problems:
        return None, problems
    stated = _Configured(**values)
    client = rules.completed(_client(stated))
    problems += _secret_problems(stated)
    problems += (f"{problem.field}: {problem.message}" for problem in rules.problems(client))
    if client.client_id in BUILT_IN_IDS:
        problems.append(f"client_id: {', '.join(sorted(BUILT_IN_IDS))} are built in")
    return client, problems


def _secret_problems(stated: _Configured) -> Iterator[str]:
    if stated.secret is not None and stated.secret_sha256 is not None:
        yield "secret: give secret or secret_sha256, not both"
    if stated.secret is not None and (problem := text_problem(stated.secret)) is not None:
        yield f"secret {problem}"
    if stated.secret_sha256 is not None and _SHA256.fullmatch(stated.secret_sha256) is None:
        yield "secret_sha256 must be 64 hexadecimal digits, in lower case"
    if (missing := secret_problem(_client(stated))) is not None:
        yield f"{missing.field}: {missing.message}"


def _client(stated: _Configured) -> Client:
    return Client(
        stated.client_id,
        name=stated.name,
        first_party=stated.first_party,
        scope=stated.scopes,
        audience="",
        audiences=stated.audiences,
        application_type=stated.application_type,
        auth_method=stated.auth_method,
        secrets=tuple(_secrets(stated)),
        grants=frozenset(stated.grants),
        redirect_uris=stated.redirect_uris,
        post_logout_redirect_uris=stated.post_logout_redirect_uris,
        require_pkce=stated.require_pkce,
        access_token_lifetime=_duration(stated.access_token_lifetime),
        refresh_lifetime=_duration(stated.refresh_lifetime),
        disabled=stated.disabled,
        source=ClientSource.SETTINGS,
    )


def _secrets(stated: _Configured) -> Iterator[ClientSecretHash]:
    if stated.secret is not None:
        yield ClientSecretHash("settings", digest_of(Secret(stated.secret)), None)
    elif stated.secret_sha256 is not None:
        is_hash = _SHA256.fullmatch(stated.secret_sha256) is not None
        yield ClientSecretHash("settings", bytes.fromhex(stated.secret_sha256) if is_hash else b"", None)


def _duration(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _expected(kind: Any) -> str:
    arguments = getattr(kind, "__args__", ())
    if arguments and arguments[-1] is Ellipsis:
        choices = arguments[0]
        return f"a list of {_choices(choices)}" if _is_enum(choices) else "a list of texts"
    if _is_enum(kind):
        return f"one of {_choices(kind)}"
    if kind is bool:
        return "true or false"
    return "text" if kind is str or str in arguments else "a whole number of seconds"


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def _choices(kind: type[enum.Enum]) -> str:
    return ", ".join(choice.value for choice in kind)
