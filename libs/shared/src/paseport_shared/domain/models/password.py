"""The password rule (NIST SP 800-63B-4 §3.1.1: length over composition)."""

from __future__ import annotations

import unicodedata
from typing import Final

from paseport.secret import Secret

from paseport_shared.domain.errors import FieldProblem, WeakPassword
from paseport_shared.domain.models.identifiers import canonical

MIN_LENGTH: Final = 15
"""Characters, for an account without a second factor."""
MAX_LENGTH: Final = 1024
"""Characters: bounds the work of normalising, not the person."""
_SHORTEST_NAME_REFUSED: Final = 4


def normalise(password: Secret[str]) -> Secret[str]:
    """Return the password as it is hashed: NFKC, once, so that every keyboard spells it alike (LG-08)."""
    return Secret(unicodedata.normalize("NFKC", password.reveal()))


def check_new_password(password: Secret[str], *, username: str, email: str) -> None:
    """Raise WeakPassword unless a new password has 15 to 1,024 characters and does not contain the user's names."""
    text = unicodedata.normalize("NFKC", password.reveal())
    problems = []
    if len(text) < MIN_LENGTH:
        problems.append(("too_short", f"Use at least {MIN_LENGTH} characters. A short sentence works well."))
    if len(text) > MAX_LENGTH:
        problems.append(("too_long", f"Use at most {MAX_LENGTH} characters."))
    folded = canonical(text)
    names = (canonical(username), canonical(email), canonical(email).partition("@")[0])
    if any(len(name) >= _SHORTEST_NAME_REFUSED and name in folded for name in names):
        problems.append(("contains_name", "Leave out your user name and your e-mail address."))
    if problems:
        raise WeakPassword([FieldProblem("password", code, message) for code, message in problems])
