"""A user name for somebody who comes from an identity provider."""

from __future__ import annotations

import unicodedata
from typing import Final

from paseport_shared.domain.models.identifiers import canonical
from paseport_shared.domain.models.linked_identity import ExternalIdentity
from paseport_shared.domain.models.profile import MAX_DISPLAY_NAME, MAX_USERNAME

MAX_SUFFIX: Final = 6
"""How long what tells two of the same name apart may be."""
_LONGEST: Final = MAX_USERNAME - MAX_SUFFIX - 1
_FALLBACK: Final = "user"


def username_for(identity: ExternalIdentity, suffix: str = "") -> str:
    """Return a user name that ``check_profile`` accepts: what the provider calls somebody, or the start of the address.

    ``suffix`` has at most ``MAX_SUFFIX`` characters and is for a name that is taken.
    """
    for wish in (identity.username, (identity.email or "").partition("@")[0], _FALLBACK):
        name = _cleaned(wish or "")[:_LONGEST]
        # Compatibility forms can grow when they are looked up.
        if name and len(canonical(name)) <= _LONGEST:
            return f"{name}-{suffix}" if suffix else name
    message = "the fallback is a name"
    raise AssertionError(message)


def display_name_for(identity: ExternalIdentity) -> str | None:
    """Return a display name that ``check_profile`` accepts, or None."""
    name = "".join(character for character in identity.name or "" if unicodedata.category(character)[0] != "C").strip()[
        :MAX_DISPLAY_NAME
    ]
    return name or None


def _cleaned(wish: str) -> str:
    """Return what may stand in a user name. Before an @, which some providers put into names, is enough."""
    before_at = unicodedata.normalize("NFKC", wish).partition("@")[0]
    return "".join(character for character in before_at if unicodedata.category(character)[0] not in "CZ")
