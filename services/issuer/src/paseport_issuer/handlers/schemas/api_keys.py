"""API keys on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from paseport_shared.domain.errors import FieldProblem, ValidationFailed
from paseport_shared.domain.models.api_key import PREFIX, ApiKeyQuery, ApiKeySecret
from paseport_shared.domain.models.api_key_rules import (
    DEFAULT_LIFETIME,
    OVERLAP,
    canonical_hosts,
    canonical_networks,
    canonical_prefixes,
)
from paseport_shared.domain.models.profile import MAX_EMAIL
from paseport_shared.domain.models.rate_limit import RateLimit

from paseport_issuer.use_cases.create_api_key import Expiry, NewApiKey
from paseport_issuer.use_cases.read_api_keys import OwnedApiKey, OwnedApiKeyPage

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_SECOND: Final = timedelta(seconds=1)
DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
MAX_SEARCH: Final = 320
_MAX_CURSOR: Final = 64

# Generous caps that bound the work; what a value may be is said by domain.models.api_key_rules, with a reason.
_Text = Annotated[str, msgspec.Meta(max_length=2_000)]
_Texts = Annotated[list[_Text], msgspec.Meta(max_length=100)]
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_Number = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
_Days = Annotated[int, msgspec.Meta(ge=0, le=100_000)]


class RateLimitBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most ``count`` requests in ``window_seconds``; ``strict``: counted in one place for all nodes."""

    count: _Number
    window_seconds: _Number
    strict: bool = False


class CreateApiKeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new key. The answer shows it, once.

    An empty list of ``hosts``, ``paths``, ``methods`` or ``cidrs`` restricts nothing. Of ``expires_at``,
    ``expires_in_days`` and ``never_expires`` at most one is said; without any it is 90 days.
    """

    name: _Text
    comment: _Text = ""
    email: _Text | None = None
    roles: _Texts = msgspec.field(default_factory=list)
    scopes: _Texts = msgspec.field(default_factory=list)
    hosts: _Texts = msgspec.field(default_factory=list)
    paths: _Texts = msgspec.field(default_factory=list)
    methods: _Texts = msgspec.field(default_factory=list)
    cidrs: _Texts = msgspec.field(default_factory=list)
    rate_limit: RateLimitBody | None = None
    expires_at: _Moment | None = None
    expires_in_days: _Days | None = None
    never_expires: bool = False

    def values(self) -> Mapping[str, Any]:
        """Return the fields of the key."""
        return _values(msgspec.structs.asdict(self))

    def expiry(self) -> Expiry:
        """Return when it ends. Raises ``ValidationFailed`` where that is said twice."""
        said = [
            expiry
            for is_said, expiry in (
                (self.expires_at is not None, self.expires_at),
                (self.expires_in_days is not None, _DAY * (self.expires_in_days or 0)),
                (self.never_expires, None),
            )
            if is_said
        ]
        if len(said) > 1:
            raise _said_twice()
        return said[0] if said else DEFAULT_LIFETIME


class ChangeApiKeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Some of it (RFC 7396): a field that is left out stays; ``expires_at`` null is never, as ``never_expires``."""

    name: _Text | UnsetType = UNSET
    comment: _Text | UnsetType = UNSET
    email: _Text | UnsetType | None = UNSET
    roles: _Texts | UnsetType = UNSET
    scopes: _Texts | UnsetType = UNSET
    hosts: _Texts | UnsetType = UNSET
    paths: _Texts | UnsetType = UNSET
    methods: _Texts | UnsetType = UNSET
    cidrs: _Texts | UnsetType = UNSET
    rate_limit: RateLimitBody | UnsetType | None = UNSET
    disabled: bool | UnsetType = UNSET
    expires_at: _Moment | UnsetType | None = UNSET
    expires_in_days: _Days | UnsetType = UNSET
    never_expires: bool | UnsetType = UNSET

    def values(self) -> Mapping[str, Any]:
        """Return the new values of the named fields. Raises ``ValidationFailed`` where the end is said twice."""
        named = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not UNSET}
        ends: list[Expiry] = []
        if "expires_at" in named:
            ends.append(named["expires_at"])
        if (days := named.get("expires_in_days")) is not None:
            ends.append(_DAY * days)
        if named.get("never_expires"):
            ends.append(None)
        if len(ends) > 1:
            raise _said_twice()
        return _values(named) | ({"expires_at": ends[0]} if ends else {})


class RotateApiKeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long the key that is in use goes on: a day, or so many hours; 0: it ends at once, as after a leak."""

    overlap_hours: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = OVERLAP // _HOUR

    @property
    def overlap(self) -> timedelta:
        """The same, as a duration."""
        return _HOUR * self.overlap_hours


class ApiKeyOwnerResponse(msgspec.Struct, frozen=True):
    """Whose a key is."""

    id: UUID
    username: str


class ApiKeySecretResponse(msgspec.Struct, frozen=True):
    """One secret of a key: never the secret, never its digest."""

    created_at: datetime
    expires_at: datetime | None
    pepper_version: int

    @staticmethod
    def of(held: ApiKeySecret) -> ApiKeySecretResponse:
        """Return the answer for a secret."""
        return ApiKeySecretResponse(held.created_at, held.expires_at, held.pepper_version)


class ApiKeyResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A key as its owner and administrators see it. ``prefix`` is what it begins with: enough to recognise it."""

    id: str
    name: str
    owner: ApiKeyOwnerResponse
    comment: str
    email: str | None
    roles: list[str]
    scopes: list[str]
    hosts: list[str]
    paths: list[str]
    methods: list[str]
    cidrs: list[str]
    rate_limit: RateLimitBody | None
    disabled: bool
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    last_used_at: datetime | None
    use_count: int
    prefix: str
    secrets: list[ApiKeySecretResponse]

    @staticmethod
    def of(owned: OwnedApiKey) -> ApiKeyResponse:
        """Return the answer for a key."""
        return ApiKeyResponse(**_fields(owned))


class NewApiKeyResponse(ApiKeyResponse, frozen=True, kw_only=True):
    """A key that was made just now, or has a new secret. ``key`` is shown this once."""

    key: str

    @staticmethod
    def made(new: NewApiKey) -> NewApiKeyResponse:
        """Return the answer for a new key."""
        return NewApiKeyResponse(**_fields(new.owned), key=new.text.reveal())


class ApiKeyListResponse(msgspec.Struct, frozen=True):
    """One page, the newest first. ``next`` is the cursor of the following one."""

    items: list[ApiKeyResponse]
    next: str | None
    total: int

    @staticmethod
    def of(page: OwnedApiKeyPage) -> ApiKeyListResponse:
        """Return the answer for a page."""
        return ApiKeyListResponse([ApiKeyResponse.of(owned) for owned in page.items], page.next, page.total)


def parse_api_key_query(parameters: Mapping[str, str], *others: str) -> ApiKeyQuery:
    """Return the query of a list. Raises ``ValidationFailed`` naming everything that is not understood (AD-08).

    ``others`` are parameters that the caller reads.
    """
    problems = []
    if not {"search", "limit", "cursor", *others}.issuperset(parameters):
        # Not named: it is the client's text, and would stand in the answer and in the log (LG-21).
        problems.append(FieldProblem("query", "unknown_filter", "There is a filter that is not known here."))
    search = parameters.get("search", "")
    if len(search) > MAX_SEARCH:
        problems.append(FieldProblem("search", "length", f"Use at most {MAX_SEARCH} characters."))
    problems += [
        FieldProblem(name, "length", f"Use at most {MAX_EMAIL} characters.")
        for name in others
        if len(parameters.get(name, "")) > MAX_EMAIL
    ]
    limit = parameters.get("limit") or str(DEFAULT_LIMIT)
    is_limit = limit.isascii() and limit.isdigit() and len(limit) <= len(str(MAX_LIMIT))
    if not is_limit or not 1 <= int(limit) <= MAX_LIMIT:
        problems.append(FieldProblem("limit", "range", f"Use 1 to {MAX_LIMIT}."))
    # A page starts behind a key, so its id is the cursor.
    cursor = parameters.get("cursor") or None
    if cursor is not None and (len(cursor) > _MAX_CURSOR or not cursor.isascii() or not cursor.isalnum()):
        problems.append(FieldProblem("cursor", "format", "Use the value of next."))
    if problems:
        raise ValidationFailed(problems)
    return ApiKeyQuery(search=search, limit=int(limit), after=cursor)


def _said_twice() -> ValidationFailed:
    message = "Use one of expires_at, expires_in_days and never_expires."
    return ValidationFailed([FieldProblem("expires_at", "ambiguous", message)])


def _values(stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the wire says under the names and in the types of the domain; when it ends is said elsewhere."""
    values: dict[str, Any] = {name: stated[name] for name in ("name", "comment", "email", "disabled") if name in stated}
    for name in ("roles", "methods"):
        if name in stated:
            values[name] = frozenset(stated[name])
    if "scopes" in stated:
        values["scopes"] = tuple(dict.fromkeys(stated["scopes"]))
    for name, field, canonical in (
        ("hosts", "hosts", canonical_hosts),
        ("paths", "paths", canonical_prefixes),
        ("cidrs", "networks", canonical_networks),
    ):
        if name in stated:
            values[field] = canonical(stated[name])
    if "rate_limit" in stated:
        limit: RateLimitBody | None = stated["rate_limit"]
        values["rate_limit"] = limit and RateLimit(limit.count, _SECOND * limit.window_seconds, limit.strict)
    return values


def _fields(owned: OwnedApiKey) -> dict[str, Any]:
    key = owned.key
    limit = key.rate_limit
    return {
        "id": key.id,
        "name": key.name,
        "owner": ApiKeyOwnerResponse(key.owner_id, owned.username),
        "comment": key.comment,
        "email": key.email,
        "roles": sorted(key.roles),
        "scopes": list(key.scopes),
        "hosts": list(key.hosts),
        "paths": list(key.paths),
        "methods": sorted(key.methods),
        "cidrs": list(key.networks),
        "rate_limit": limit and RateLimitBody(limit.count, limit.window // _SECOND, limit.strict),
        "disabled": key.disabled,
        "expires_at": key.expires_at,
        "created_at": key.created_at,
        "updated_at": key.updated_at,
        "last_used_at": key.last_used_at,
        "use_count": key.use_count,
        "prefix": f"{PREFIX}{key.id}",
        "secrets": [ApiKeySecretResponse.of(held) for held in key.secrets],
    }
