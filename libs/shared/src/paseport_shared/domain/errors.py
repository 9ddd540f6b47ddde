"""Every way Paseport refuses, as one hierarchy; its root, and what a verifier refuses with, are ``paseport.errors``.

An error knows no status code: one error has several faces, and the services' tables render them.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from paseport.errors import AuthenticationRequired as AuthenticationRequired
from paseport.errors import AuthError as AuthError
from paseport.errors import InsufficientRole as InsufficientRole
from paseport.errors import InsufficientScope as InsufficientScope
from paseport.errors import InvalidToken as InvalidToken
from paseport.errors import Overloaded as Overloaded
from paseport.errors import Unavailable as Unavailable

# --- the request itself -------------------------------------------------------------------------------------------


class InvalidRequest(AuthError):
    """The request cannot be understood: a missing or repeated part, a wrong type, an unknown field."""

    code = "invalid_request"
    public = "The request is malformed."


class UnlistedHost(AuthError):
    """The Host header names none of the hosts this installation answers for."""

    code = "unlisted_host"
    public = "This host name is not served here."


class UnclearRequest(InvalidRequest):
    """What a proxy says of a request can be read in several ways, or in none: it is denied, never guessed (FA-09)."""

    code = "request_unclear"


class OriginRefused(AuthError):
    """An unsafe cookie request without ``X-CSRF``, or from a foreign origin (design: cross-site request forgery)."""

    code = "origin_refused"
    public = "The request did not come from this application. Reload the page and try again."


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field that was refused: its name, a stable code, and a sentence for the person who filled it in."""

    field: str
    code: str
    message: str


class ValidationFailed(AuthError):
    """Well-formed but unacceptable values; ``problems`` names all of them at once."""

    code = "validation_failed"
    public = "Some values are not acceptable."

    def __init__(self, problems: Sequence[FieldProblem], reason: str = "") -> None:
        super().__init__(reason or ", ".join(f"{problem.field}: {problem.code}" for problem in problems))
        self.problems = tuple(problems)


class WeakPassword(ValidationFailed):
    """A new password that the password rule refuses."""

    code = "weak_password"
    public = "Choose another password."


# --- who is asking ------------------------------------------------------------------------------------------------


class InvalidCredentials(AuthError):
    """Unknown user, wrong password, disabled account: one answer for all of them."""

    code = "invalid_credentials"
    public = "The user name or the password is not right."


class GrantRefusal(enum.Enum):
    """How a grant was refused: for operators, who count them. Clients are told the same of all."""

    UNKNOWN = "unknown"
    """No token of ours: junk, or forged."""
    GONE = "gone"
    """Its family has ended or expired."""
    LATE = "late"
    REUSE = "reuse"
    """Of these two, see ``refresh_token.Rotation``."""
    REFUSED = "refused"
    """Genuine and live, but the client, the user or the session may not use it (any more)."""


class InvalidGrant(AuthError):
    """A refresh token that is not acceptable, whatever the cause (RFC 6749 §5.2 ``invalid_grant``)."""

    code = "invalid_grant"
    public = "The session has ended. Sign in again."

    def __init__(self, reason: str = "", refusal: GrantRefusal = GrantRefusal.REFUSED) -> None:
        super().__init__(reason)
        self.refusal = refusal


class InvalidAuthorizationCode(InvalidGrant):
    """An authorization code that is unknown, used, too old, or not its bearer's (RFC 6749 §5.2 ``invalid_grant``)."""

    public = "The authorization code is not valid. Begin the sign-in again."


class InvalidClient(AuthError):
    """Client authentication failed: unknown client, wrong secret or method (RFC 6749 §5.2). One answer for all."""

    code = "invalid_client"
    public = "The client could not be authenticated."


class UnauthorizedClient(AuthError):
    """A known client that is not registered for what it asks (RFC 6749 §5.2)."""

    code = "unauthorized_client"
    public = "This client may not use this grant."


class UnsupportedGrantType(AuthError):
    """A grant that nobody may use here (RFC 6749 §5.2)."""

    code = "unsupported_grant_type"
    public = "This grant type is not supported."


class InvalidScope(AuthError):
    """A scope that is malformed, empty or beyond what the client may have (RFC 6749 §5.2)."""

    code = "invalid_scope"
    public = "The requested scope is not acceptable."


class InvalidTarget(AuthError):
    """A ``resource`` that the client has not registered (RFC 8707 §2)."""

    code = "invalid_target"
    public = "The requested resource is not acceptable."


class RequestNotForClient(AuthError):
    """An authorization request that names no client or no redirect URI of ours: a page, never a redirect (AZ-01)."""

    code = "invalid_authorization_request"
    public = "The application sent a request that cannot be answered."


class AuthorizationRefused(AuthError):
    """An authorization request that its client is told is refused (RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6).

    ``error`` is the registered name. ``description`` is for the client's developers and repeats nothing of the request.
    """

    code = "authorization_refused"
    public = "The request was refused."

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description


class UnknownTransaction(AuthError):
    """A sign-in transaction that is over, or was begun in another browser."""

    code = "unknown_transaction"
    public = "This sign-in has expired. Go back to the application and begin again."


class InvalidResetToken(AuthError):
    """A password reset link that is unknown, used, voided or too old."""

    code = "invalid_reset_token"
    public = "This link is no longer valid. Ask an administrator for a new one."


class ReauthenticationRequired(AuthError):
    """The sign-in is too old for what is asked (RFC 9470 §3); ``max_age`` is how old it may be."""

    code = "reauthentication_required"
    public = "Sign in again first: this change needs a fresh sign-in."

    def __init__(self, max_age: timedelta, reason: str = "") -> None:
        super().__init__(reason)
        self.max_age = max_age


# --- signing in through somebody else -----------------------------------------------------------------------------


class UnknownProvider(AuthError):
    """No identity provider of this name, or one that is disabled: one answer for both."""

    code = "unknown_provider"
    public = "This way to sign in is not available. Choose another one."


class UnknownSignIn(AuthError):
    """An answer of a provider that nobody waits for: unknown, used, too old, or another browser's (XI-01)."""

    code = "unknown_sign_in"
    public = "This sign-in is not known in this browser any more. Begin again."


class ProviderDeclined(AuthError):
    """The provider answered with an error, or its user said no."""

    code = "provider_declined"
    public = "The sign-in at the identity provider was not completed. Try again, or choose another way to sign in."


class ProviderAnswerRefused(AuthError):
    """What the provider answered fails a check: its name, a signature, a claim. One answer for all of them."""

    code = "provider_answer_refused"
    public = "The answer of the identity provider cannot be accepted. Try again, or choose another way to sign in."


class ProviderUnavailable(Unavailable):
    """The provider does not answer, or not with what the protocol says."""

    code = "provider_unavailable"
    public = "The identity provider does not answer. Try again in a moment, or choose another way to sign in."


class ExternalSignInRefused(AuthError):
    """Nobody can sign in with this identity: unknown, disabled, of a foreign domain. One answer for all of them."""

    code = "sign_in_refused"
    public = "You cannot sign in here with this account. Choose another way, or ask an administrator."


class IdentityTaken(AuthError):
    """The identity is linked to somebody else, and stays so."""

    code = "identity_taken"
    public = "This account at the identity provider is linked to somebody else here."


class IdentityNotLinked(AuthError):
    """A good token of an identity provider, of somebody who has no account here, or has not linked it."""

    code = "identity_not_linked"
    public = "Nobody here is known by this account. Sign in here once through this identity provider, or link it."


class LastCredential(AuthError):
    """Without this identity its user could not sign in any more."""

    code = "last_credential"
    public = "This is the only way in which you can sign in. Set a password or link another account first."


# --- resources ----------------------------------------------------------------------------------------------------


class NotFound(AuthError):
    """No such resource, or none that the caller may see."""

    code = "not_found"
    public = "There is nothing here."


class AlreadyExists(AuthError):
    """A value that must be unique is taken; ``field`` names it."""

    code = "already_exists"
    public = "This is taken already."

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is taken")
        self.field = field


class LastAdmin(AuthError):
    """The change would leave nobody who can administer the installation."""

    code = "last_admin"
    public = "This is the last active administrator. Make somebody else an administrator first."


class BuiltInAccount(AuthError):
    """The account belongs to Paseport itself and cannot be changed."""

    code = "built_in_account"
    public = "This account is built in and cannot be changed."


class BuiltInClient(AuthError):
    """The client is built in or comes from the settings, and cannot be changed while the issuer runs."""

    code = "built_in_client"
    public = "This client belongs to the installation. It is changed in its settings, not here."


class TooManySecrets(AuthError):
    """A client, or a verifier, has as many live secrets as one may have while they are rolled."""

    code = "too_many_secrets"
    public = "There are two live secrets already. Delete one of them first, or end all of them now."


class KeyNotReady(AuthError):
    """A step that a key version cannot take now: verifiers may not know it yet, or tokens that it signed still live.

    ``not_before`` is when it can, and ``retry_after`` how long that is from now; both are None where it never will.
    """

    code = "key_not_ready"
    public = "This key version cannot take that step now."

    def __init__(
        self, reason: str = "", not_before: datetime | None = None, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(reason)
        self.not_before = not_before
        self.retry_after = retry_after


class KeyVersionNotPermitted(AuthError):
    """Whoever holds the private keys does not let us make a version; ``command`` is how an operator does it there."""

    code = "key_version_not_permitted"
    public = "The issuer may not make key versions. Make one where the keys are, then publish it."

    def __init__(self, command: str, reason: str = "") -> None:
        super().__init__(reason)
        self.command = command


class PreconditionRequired(AuthError):
    """A write without ``If-Match`` (RFC 6585 §3)."""

    code = "precondition_required"
    public = "Send If-Match with the ETag that you read."


class PreconditionFailed(AuthError):
    """The resource changed since the caller read it (RFC 9110 §13.1.1)."""

    code = "precondition_failed"
    public = "Somebody changed this meanwhile. Read it again and repeat your change."


# --- limits and outages -------------------------------------------------------------------------------------------


class TooManyAttempts(AuthError):
    """A limit is used up; ``retry_after`` is when the next try will be counted."""

    code = "too_many_attempts"
    public = "Too many attempts. Wait a moment and try again."

    def __init__(self, retry_after: timedelta, reason: str = "") -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class RecordedNotInForce(Unavailable):
    """The change is on record, but not every verifier can have heard of it yet. Repeating it is safe."""

    code = "recorded_not_in_force"
    public = "The change is recorded and will take effect as soon as all parts answer again."
