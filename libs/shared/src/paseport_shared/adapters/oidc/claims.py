"""What a provider's claims say of somebody, by the mapping that an administrator wrote (``ClaimMapping``)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from paseport_shared.adapters.oidc.id_token import is_name
from paseport_shared.adapters.oidc.wire import read_time
from paseport_shared.domain.errors import ProviderAnswerRefused, ValidationFailed
from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_shared.domain.models.linked_identity import ExternalIdentity
from paseport_shared.domain.models.profile import MAX_DISPLAY_NAME, MAX_USERNAME, check_profile

MAX_GROUPS: Final = 1_000
MAX_GROUP: Final = 255

Claims = Mapping[str, Any]
# The colon joins parts, so none may have one: `a:b` and `c` are somebody else than `a` and `b:c`.
_PART: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")


@dataclass(frozen=True, slots=True)
class StatedEmail:
    """An address as a provider stated it, and whether it wrote ``true`` for having verified it."""

    address: str | None
    verified: bool


def map_identity(provider: IdentityProvider, documents: Sequence[Claims], email: StatedEmail) -> ExternalIdentity:
    """Return who the documents speak of; what an earlier one says, a later one cannot change.

    Raises ``ProviderAnswerRefused`` where they name nobody, or say something of groups that cannot be relied on.
    """
    mapping = provider.claims
    session_id = find(documents[:1], "sid")
    return ExternalIdentity(
        namespace=provider.namespace,
        subject=map_subject(documents, mapping.subject),
        email=email.address,
        email_claimed_verified=email.verified and email.address is not None,
        username=_printable(find(documents, mapping.username), MAX_USERNAME),
        name=_printable(find(documents, mapping.name), MAX_DISPLAY_NAME),
        groups=_map_groups(provider, documents),
        session_id=session_id if is_name(session_id) else None,
        auth_time=read_time(find(documents[:1], "auth_time")),
    )


def lacks_a_claim(provider: IdentityProvider, document: Claims) -> bool:
    """Say whether a claim that is mapped is missing, so that another document is worth asking for."""
    mapping = provider.claims
    names = [*mapping.subject, mapping.username, mapping.email, mapping.email_verified, mapping.name]
    if mapping.groups is not None:
        names.append(mapping.groups)
    return any(find([document], name) is None for name in names)


def find(documents: Sequence[Claims], name: str) -> Any:
    """Return a claim of the first document that has it, None where none has. To say ``null`` is to say nothing."""
    return next((value for document in documents if (value := _look_up(document, name)) is not None), None)


def map_subject(documents: Sequence[Claims], names: Sequence[str]) -> str:
    """Return what somebody is known by, or raise ``ProviderAnswerRefused``."""
    parts = [_subject_part(find(documents, name)) for name in names]
    if len(parts) > 1 and not all(_PART.fullmatch(part) for part in parts):
        raise ProviderAnswerRefused("a part of the subject has a character that could be taken for the border of parts")
    subject = ":".join(parts)
    if not is_name(subject):
        raise ProviderAnswerRefused("the subject is empty, too long, or has control characters")
    return subject


def map_email(provider: IdentityProvider, documents: Sequence[Claims]) -> StatedEmail:
    """Return the address that the first document states which has one, and whether it is said to be verified.

    Only a document that states this very address can say so: ``true`` of one address is nothing about another.
    """
    mapping = provider.claims
    stated = find(documents, mapping.email)
    speaking = [document for document in documents if _look_up(document, mapping.email) == stated]
    return state_email(stated, find(speaking, mapping.email_verified))


def state_email(address: object, verified: object) -> StatedEmail:
    """Return an address if it is one as it stands; it is never trimmed or repaired into one (XI-10)."""
    if not isinstance(address, str) or not _is_address(address):
        return StatedEmail(None, verified=False)
    return StatedEmail(address, verified is True)


def primary_email(listed: Sequence[Any]) -> StatedEmail:
    """Return the primary address of a list of ``{"email", "primary", "verified"}``; none where two claim to be it."""
    primary = [entry for entry in listed if isinstance(entry, dict) and entry.get("primary") is True]
    if len(primary) != 1:
        return StatedEmail(None, verified=False)
    return state_email(primary[0].get("email"), primary[0].get("verified"))


def _look_up(document: Claims, path: str) -> Any:
    if path in document:
        return document[path]
    head, dot, rest = path.partition(".")
    inner = document.get(head) if dot else None
    return _look_up(inner, rest) if isinstance(inner, dict) else None


def _subject_part(value: object) -> str:
    """Return the text of a claim that names somebody. GitHub's ids are numbers; nobody is called ``true`` or 1e3."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ProviderAnswerRefused("a claim of the subject is missing, or neither a text nor a whole number")
    return value


def _is_address(text: str) -> bool:
    try:
        check_profile(username="nobody", email=text, display_name=None, roles=())
    except ValidationFailed:
        return False
    return True


def _map_groups(provider: IdentityProvider, documents: Sequence[Claims]) -> frozenset[str] | None:
    name = provider.claims.groups
    if name is None:
        return None
    if provider.group_roles and any(_says_elsewhere(document, name) for document in documents):
        # Microsoft Entra, beyond 200 groups. Without them everybody would lose the roles that their groups have.
        raise ProviderAnswerRefused(
            "the provider leaves the groups out because there are too many (groups overage): "
            "let it send those only that are assigned to the application, or app roles"
        )
    stated = find(documents, name)
    if stated is None:
        return None
    groups = [stated] if isinstance(stated, str) else stated
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise ProviderAnswerRefused("the groups are no list of texts")
    if len(groups) > MAX_GROUPS or any(len(group) > MAX_GROUP for group in groups):
        raise ProviderAnswerRefused(f"more than {MAX_GROUPS} groups, or one of more than {MAX_GROUP} characters")
    return frozenset(groups)


def _says_elsewhere(document: Claims, name: str) -> bool:
    """Say whether a document names a place where the groups are instead (OIDC Core §5.6.2)."""
    elsewhere = document.get("_claim_names")
    return (isinstance(elsewhere, dict) and name in elsewhere) or document.get("hasgroups") not in (None, False)


def _printable(value: object, max_length: int) -> str | None:
    """Return a text without control characters and cut to a length; None for another value, or where none is left."""
    if not isinstance(value, str):
        return None
    return "".join(_visible(value))[:max_length].strip() or None


def _visible(text: str) -> Iterator[str]:
    return (character for character in text if unicodedata.category(character)[0] != "C")
