"""Where in a request an API key may stand (``PASEPORT_API_KEY_CARRIERS``)."""

from __future__ import annotations

from typing import Final

BEARER: Final = "bearer"
"""``Authorization: Bearer``, as access tokens do."""
X_API_KEY: Final = "x-api-key"
"""A header of its own."""
BASIC: Final = "basic"
"""``Authorization: Basic``, as the password of whatever user name."""
CARRIERS: Final = (BEARER, X_API_KEY, BASIC)
