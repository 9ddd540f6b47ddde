"""What a provider says of whom an access token is about (OpenID Connect Core §5.3)."""

from __future__ import annotations

from typing import Any

from paseport_shared.adapters.oidc.calls import ProviderCalls, read_answer
from paseport_shared.domain.errors import ProviderAnswerRefused


async def ask_for_user(calls: ProviderCalls, url: str, access_token: str) -> dict[str, Any]:
    """Return the claims. Raises ``Unavailable``, and ``ProviderAnswerRefused`` for claims in a token (§5.3.2).

    Those would have to be checked like an ID token's, and are asked for by nobody.
    """
    answer = await calls.get(url, bearer=access_token)
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/jwt":
        raise ProviderAnswerRefused("the user endpoint answers with a token")
    return read_answer(answer, "the user endpoint")
