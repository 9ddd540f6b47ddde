"""API keys that move in from another system, on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from paseport_shared.domain.models.rate_limit import RateLimit

from paseport_issuer.handlers.schemas.api_keys import RateLimitBody
from paseport_issuer.use_cases.import_api_keys import MAX_KEYS, ForeignKey, ImportedKey, ImportOutcome

# Generous caps that bound the work; what a value may be is said by domain.models.api_key_rules, with a reason.
_Text = Annotated[str, msgspec.Meta(max_length=2_000)]
_Texts = Annotated[list[_Text], msgspec.Meta(max_length=100)]
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_Digest = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class ForeignKeyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A key as another system has it.

    ``digest`` is that system's: SHA-256 of text and pepper, or BLAKE3 of the text under its salt, in 64 hexadecimal
    digits. ``expires_at`` null is never, and has to be said.
    """

    digest: _Digest
    name: _Text
    expires_at: _Moment | None
    comment: _Text = ""
    email: _Text | None = None
    hosts: _Texts = msgspec.field(default_factory=list)
    roles: _Texts = msgspec.field(default_factory=list)
    scopes: _Texts = msgspec.field(default_factory=list)
    rate_limit: RateLimitBody | None = None

    def key(self) -> ForeignKey:
        """Return it in the words of the domain."""
        limit = self.rate_limit
        return ForeignKey(
            digest=self.digest,
            name=self.name,
            comment=self.comment,
            email=self.email,
            hosts=tuple(self.hosts),
            roles=frozenset(self.roles),
            scopes=tuple(self.scopes),
            rate_limit=None
            if limit is None
            else RateLimit(limit.count, timedelta(seconds=limit.window_seconds), limit.strict),
            expires_at=self.expires_at,
        )


class ImportApiKeysRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Keys that become those of one user. With ``dry_run`` all is checked and nothing is changed."""

    keys: Annotated[list[ForeignKeyBody], msgspec.Meta(min_length=1, max_length=MAX_KEYS)]
    dry_run: bool = False


class ImportedKeyResponse(msgspec.Struct, frozen=True):
    """What became of a key, or would: ``created``, ``present`` (it was imported before), or ``revoked`` since then."""

    digest: str
    outcome: ImportOutcome
    id: str | None


class ImportApiKeysResponse(msgspec.Struct, frozen=True):
    """All keys of the request, in their order."""

    items: list[ImportedKeyResponse]
    dry_run: bool

    @staticmethod
    def of(imported: Sequence[ImportedKey], *, dry_run: bool) -> ImportApiKeysResponse:
        """Return the answer for an import."""
        return ImportApiKeysResponse(
            [ImportedKeyResponse(one.digest, one.outcome, one.key_id) for one in imported], dry_run
        )
