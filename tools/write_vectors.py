"""Write docs/vectors/access-tokens.json: access tokens with verdicts, for whoever verifies them in another language.

The same input gives the same bytes: keys come from fixed seeds, ids and times are written here, and Ed25519 signatures
are deterministic (RFC 8032 §5.1.6). ``--check`` writes nothing and fails where the file would change. The forgeries are
those of the testkit.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paseport import base64url
from paseport.claims import CLOCK_LEEWAY, Claims
from paseport.key_set import KeyStatus, encode_key_document
from paseport.rfc3339 import format_time
from paseport_testkit.fake_issuer.forgeries import FORGERIES, Bench
from paseport_testkit.fake_issuer.keys import SigningKey
from paseport_testkit.fake_issuer.tokens import message_of

ROOT = Path(__file__).resolve().parent.parent
VECTORS = ROOT / "docs" / "vectors" / "access-tokens.json"

ISSUER = "https://auth.example.com"
AUDIENCE = "https://reports.example.com"
NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
LIFETIME = timedelta(minutes=5)
MAX_LIFETIME = timedelta(hours=1)
DAY = timedelta(days=1)

USER = "0198c0de-0000-7000-8000-00000000000a"
OTHER_USER = "0198c0de-0000-7000-8000-00000000000b"
SESSION = "c2Vzc2lvbiBvZiB2ZWN0b3Jz"
FAMILY = "ZmFtaWx5IG9mIHZlY3RvcnM"
REVOKED_SESSION = "YSBzZXNzaW9uIHRoYXQgZW5k"
REVOKED_FAMILY = "YSBmYW1pbHkgdGhhdCBlbmRz"
CHANGED_API_KEY = "7Hq2vXk0Rr5LwZ9d"
"""The feed says that what is known of it is old. It is the id of no session, and of nothing else in a token."""
REVOKED_TOKEN = "0198c0de-0000-7000-8000-0000000000ff"
TOKEN = "0198c0de-0000-7000-8000-000000000001"
MIN_VERSION = 4
"""Tokens of ``OTHER_USER`` below this version are revoked."""


def _key(name: str, status: KeyStatus, not_after: datetime | None = None) -> SigningKey:
    seed = hashlib.blake2b(f"paseport vectors: {name}".encode(), digest_size=32).digest()
    key = SigningKey.of(Ed25519PrivateKey.from_private_bytes(seed), status)
    return replace(key, published=replace(key.published, not_after=not_after))


ACTIVE = _key("active", KeyStatus.ACTIVE)
PUBLISHED = _key("published", KeyStatus.PUBLISHED)
RETIRING = _key("retiring", KeyStatus.RETIRING, NOW + DAY)
ENDED = _key("ended", KeyStatus.RETIRING, NOW)
RETIRED = _key("retired", KeyStatus.RETIRED)
REVOKED = _key("revoked", KeyStatus.REVOKED)
REVOKED_BY_FEED = _key("revoked by the feed", KeyStatus.RETIRING)
STRANGER = _key("stranger", KeyStatus.ACTIVE)
DOCUMENT = (ACTIVE, PUBLISHED, RETIRING, ENDED, RETIRED, REVOKED, REVOKED_BY_FEED)

USER_CLAIMS = Claims(
    issuer=ISSUER,
    subject=USER,
    audience=AUDIENCE,
    expires_at=NOW + LIFETIME,
    not_before=NOW,
    issued_at=NOW,
    token_id=TOKEN,
    client_id="app",
    scope=("openid", "profile", "roles"),
    session_id=SESSION,
    family_id=FAMILY,
    user_version=3,
    auth_time=NOW,
    amr=("pwd",),
)
MACHINE_CLAIMS = Claims(
    issuer=ISSUER,
    subject="nightly-report",
    audience=AUDIENCE,
    expires_at=NOW + LIFETIME,
    not_before=NOW,
    issued_at=NOW,
    token_id="0198c0de-0000-7000-8000-000000000002",
    client_id="nightly-report",
    scope=("reports",),
)
BENCH = Bench(USER_CLAIMS, MACHINE_CLAIMS, NOW, ACTIVE, RETIRED, REVOKED, STRANGER, MAX_LIFETIME)


@dataclass(frozen=True, slots=True)
class Vector:
    """One token. ``stage`` says what refuses it, None that nothing does."""

    name: str
    about: str
    token: str
    stage: str | None = None
    signature: str = "holds"

    def on_paper(self) -> dict[str, Any]:
        """Return it as the file has it."""
        return {
            "name": self.name,
            "about": self.about,
            "verdict": "accept" if self.stage is None else "refuse",
            "stage": self.stage,
            "signature": self.signature,
            "claims": _message(self.token) if self.stage is None else None,
            "token": self.token,
        }


def _message(token: str) -> dict[str, Any]:
    payload = base64url.decode(token.split(".")[2])
    said: dict[str, Any] = json.loads(payload[:-64])
    return said


def accepted() -> Iterator[Vector]:
    """Yield tokens that nothing is wrong with, some only just."""
    user, machine, said = message_of(USER_CLAIMS), message_of(MACHINE_CLAIMS), BENCH.said
    yield Vector("user", "a user's token of a browser session", ACTIVE.sign(user))
    yield Vector("machine", "a client's own token (client_credentials)", ACTIVE.sign(machine))
    yield Vector("offline", "a user's token that outlives the session: no sid", said(sid=None))
    yield Vector("no_scope", "an empty scope", said(scope=""))
    yield Vector("unknown_claim", "a claim that this page does not know is ignored", said(department={"of": ["books"]}))
    yield Vector("published_key", "a key that is published and, as a signature proves, in use", PUBLISHED.sign(user))
    yield Vector("retiring_key", "a key that signs no more and still counts", RETIRING.sign(user))
    yield Vector("last_second", "exp is a second away", said(exp=format_time(NOW + timedelta(seconds=1))))
    yield Vector("clock_ahead", "nbf and iat as far ahead as clocks may differ", said(**_ahead(CLOCK_LEEWAY)))
    yield Vector("longest_life", "the longest lifetime permitted", said(exp=format_time(NOW + MAX_LIFETIME)))
    yield Vector(
        "version_in_force",
        "the lowest user version that is not revoked",
        said(sub=OTHER_USER, ver=MIN_VERSION),
    )
    yield Vector(
        "session_named_like_an_api_key",
        "its sid, fid and jti are the id of an API key that changed, which says nothing of any token",
        said(sid=CHANGED_API_KEY, fid=CHANGED_API_KEY, jti=CHANGED_API_KEY),
    )


def forged() -> Iterator[Vector]:
    """Yield every forgery of the testkit, and a key whose time is over."""
    for kind, forgery in FORGERIES.items():
        yield Vector(kind, forgery.about, forgery.make(BENCH), forgery.stage.value, forgery.signature.value)
    yield Vector("ended_key", "the key's not_after has come", ENDED.sign(message_of(USER_CLAIMS)), "key")


def revoked() -> Iterator[Vector]:
    """Yield tokens that only the feed refuses."""
    said = BENCH.said
    stage = "revocation"
    yield Vector("revoked_token", "its jti is revoked", said(jti=REVOKED_TOKEN), stage)
    yield Vector("revoked_session", "its sid is revoked", said(sid=REVOKED_SESSION), stage)
    yield Vector("revoked_family", "its fid is revoked", said(fid=REVOKED_FAMILY), stage)
    yield Vector("revoked_version", "its ver is below min_version", said(sub=OTHER_USER, ver=MIN_VERSION - 1), stage)
    yield Vector(
        "revoked_key_in_feed",
        "its kid is revoked, and the key document does not say so yet",
        REVOKED_BY_FEED.sign(message_of(USER_CLAIMS)),
        stage,
    )
    yield Vector(
        "revoked_machine_token",
        "the jti of a machine's token is revoked",
        ACTIVE.sign(message_of(MACHINE_CLAIMS, {"jti": REVOKED_TOKEN})),
        stage,
    )


def _ahead(by: timedelta) -> dict[str, str]:
    return {"nbf": format_time(NOW + by), "iat": format_time(NOW + by)}


def _feed() -> dict[str, Any]:
    """Write the revocations as ``/verifiers/v1/feed`` does for a reader without a position."""
    revocations: tuple[tuple[str, str, int | None], ...] = (
        ("jti", REVOKED_TOKEN, None),
        ("session", REVOKED_SESSION, None),
        ("family", REVOKED_FAMILY, None),
        ("user", OTHER_USER, MIN_VERSION),
        ("key", REVOKED_BY_FEED.kid, None),
        ("api_key", CHANGED_API_KEY, MIN_VERSION),
    )
    changes = [
        {
            "kind": kind,
            "subject": subject,
            "min_version": min_version,
            "recorded_at": format_time(NOW - LIFETIME),
            "expires_at": format_time(NOW + MAX_LIFETIME),
            "seq": None,
        }
        for kind, subject, min_version in revocations
    ]
    return {"epoch": 1, "seq": len(changes), "reset": True, "next": None, "changes": changes}


def render() -> str:
    """Return the file."""
    page = {
        "$schema": "access-tokens.schema.json",
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "now": format_time(NOW),
        "leeway_seconds": int(CLOCK_LEEWAY.total_seconds()),
        "max_lifetime_seconds": int(MAX_LIFETIME.total_seconds()),
        "key_document": json.loads(encode_key_document(key.published for key in DOCUMENT)),
        "feed": _feed(),
        "tests": [vector.on_paper() for vector in (*accepted(), *forged(), *revoked())],
    }
    return json.dumps(page, indent=2, ensure_ascii=True) + "\n"


def main() -> int:
    """Write the file; with ``--check``, say whether it is what would be written."""
    page = render()
    if "--check" in sys.argv[1:]:
        if VECTORS.read_text() == page:
            return 0
        print(f"{VECTORS.relative_to(ROOT)} is out of date: run python tools/write_vectors.py", file=sys.stderr)
        return 1
    VECTORS.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
