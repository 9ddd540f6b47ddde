"""The app's own sign-in: a client like every other one, whose secret and codes never leave the server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

from paseport.secret import Secret
from paseport_shared.domain.errors import AuthenticationRequired, UnknownTransaction
from paseport_shared.domain.models import base62, pkce
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.ports.randomness import Randomness

from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.redeem_code import RedeemCode, RedeemCodeCommand
from paseport_issuer.use_cases.sign_in_transactions import SignInTransactions

HOME: Final = "/"
MAX_RETURN: Final = 1_000
# A path of this origin and nothing else: no scheme, no host in any of the spellings that browsers take for one.
_LOCAL_PATH: Final = re.compile(r"/(?![/\\])[!-\[\]-~]*")
_STATE: Final = re.compile(
    rf"(?P<id>[{base62.ALPHABET}]{{22}})\.(?P<path>[A-Za-z0-9_-]*)\.(?P<mac>[{base62.ALPHABET}]{{43}})"
)


@dataclass(frozen=True, slots=True)
class AppSignIn:
    """The request that the app sends to the authorization endpoint, and the browser's secret that it is bound to."""

    parameters: tuple[tuple[str, str], ...]
    browser: Secret[str]


@dataclass(frozen=True, slots=True)
class AppCallback:
    """What came back from the authorization endpoint."""

    code: str | None
    state: str | None
    issuer: str | None
    error: str | None
    browser: Secret[str] | None
    caller: Caller


@dataclass(frozen=True, slots=True)
class AppSignedIn:
    """The app's refresh token, and the path on which the person goes on."""

    refresh_token: Secret[str]
    return_to: str


class SignInApp:
    """Nothing is stored between the two steps: ``state`` carries the way back, bound to the browser by a MAC.

    The code verifier is computed from ``state`` and the browser's secret, so a code that somebody slips into another
    browser is of no use there.
    """

    def __init__(
        self,
        *,
        issuer: str,
        client: Client,
        redeem: RedeemCode,
        transactions: SignInTransactions,
        key: Secret[bytes],
        randomness: Randomness,
    ) -> None:
        self._issuer = issuer
        self._client = client
        self._redeem = redeem
        self._transactions = transactions
        self._key = key
        self._randomness = randomness

    def begin(
        self,
        return_to: str | None,
        login_hint: str | None,
        browser: Secret[str] | None,
        *,
        reauthenticate: bool = False,
    ) -> AppSignIn:
        """Return the app's authorization request. A way back that is no path of ours leads home (AZ-23).

        ``reauthenticate``: whoever is signed in is asked again.
        """
        secret = self._transactions.browser(browser)
        state_id = base62.encode_bytes(self._randomness.token_bytes(16))
        path = base64.urlsafe_b64encode(local_path(return_to).encode()).rstrip(b"=").decode("ascii")
        state = f"{state_id}.{path}.{self._mac('state', state_id, path, secret)}"
        parameters = [
            ("response_type", "code"),
            ("client_id", self._client.client_id),
            ("redirect_uri", self._redirect_uri),
            ("scope", " ".join(self._client.scope)),
            ("state", state),
            ("code_challenge", pkce.challenge_of(self._verifier(state_id, secret))),
            ("code_challenge_method", pkce.METHOD),
        ]
        if reauthenticate:
            parameters.append(("prompt", "login"))
        if login_hint:
            parameters.append(("login_hint", login_hint))
        return AppSignIn(tuple(parameters), secret)

    async def complete(self, callback: AppCallback) -> AppSignedIn:
        """Redeem the code of a sign-in that this browser began.

        Raises ``UnknownTransaction`` for any other one, ``AuthenticationRequired`` where it ended without a code,
        ``InvalidAuthorizationCode`` and ``Unavailable``.
        """
        match = _STATE.fullmatch(callback.state or "")
        if match is None or callback.browser is None:
            raise UnknownTransaction("state is not readable, or the browser has no secret")
        mac = self._mac("state", match["id"], match["path"], callback.browser)
        if not hmac.compare_digest(mac, match["mac"]):
            raise UnknownTransaction("state was made for another browser")
        if callback.issuer != self._issuer:
            raise UnknownTransaction("iss is not ours (RFC 9207 §2.4)")
        if callback.code is None:
            raise AuthenticationRequired(f"the sign-in ended with {'an error' if callback.error else 'nothing'}")
        tokens = await self._redeem(
            RedeemCodeCommand(
                code=Secret(callback.code),
                redirect_uri=self._redirect_uri,
                code_verifier=self._verifier(match["id"], callback.browser),
                client=self._client,
                caller=callback.caller,
            )
        )
        if tokens.refresh_token is None:
            message = "the app is not registered for refreshing"
            raise RuntimeError(message)
        padded = match["path"] + "=" * (-len(match["path"]) % 4)
        return AppSignedIn(tokens.refresh_token, local_path(base64.urlsafe_b64decode(padded).decode()))

    @property
    def _redirect_uri(self) -> str:
        return self._client.redirect_uris[0]

    def _verifier(self, state_id: str, browser: Secret[str]) -> str:
        return self._mac("code verifier", state_id, "", browser)

    def _mac(self, purpose: str, state_id: str, path: str, browser: Secret[str]) -> str:
        # Lengths are framed, so that no two inputs read alike.
        parts = (f"paseport app sign-in {purpose} v1", state_id, path, browser.reveal())
        message = b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in parts)
        return base62.encode_bytes(hmac.digest(self._key.reveal(), message, hashlib.sha256))


def local_path(text: str | None) -> str:
    """Return ``text`` where it is a path of this origin, else the home page."""
    if text is None or len(text) > MAX_RETURN or _LOCAL_PATH.fullmatch(text) is None:
        return HOME
    return text
