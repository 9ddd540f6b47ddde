"""What each reason of a decision means, for whoever administers the rules. docs/policy.md has the same table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from paseport_shared.domain.models.policy import Reason

REASON_TEXTS: Final[Mapping[Reason, str]] = {
    Reason.ALLOWED: "The request may pass.",
    Reason.NO_RULE: "No rule is about this host, path and method.",
    Reason.DENIED_BY_RULE: "The rule denies everybody.",
    Reason.SIGN_IN_REQUIRED: "The rule asks for somebody who is known, and nobody was.",
    Reason.CREDENTIAL_KIND: "The rule does not take this kind of credential.",
    Reason.ROLE_MISSING: "The caller has none of the roles that the rule names.",
    Reason.USER_NOT_LISTED: "The caller is none of the users that the rule names.",
    Reason.SCOPE_MISSING: "The credential does not cover a scope that the rule asks for.",
    Reason.NETWORK_REFUSED: "The client address is in none of the networks that the rule names.",
    Reason.CREDENTIAL_INVALID: "The credential is not valid: unknown, expired, revoked, or its owner is disabled.",
    Reason.CREDENTIALS_AMBIGUOUS: "Several different credentials were sent.",
    Reason.AUDIENCE_REFUSED: "The access token is for another service.",
    Reason.ORIGIN_REFUSED: "A page of another origin, or of none, used the browser's session.",
    Reason.KEY_DISABLED: "The API key is disabled.",
    Reason.KEY_EXPIRED: "The API key has expired.",
    Reason.KEY_HOST: "The API key is not for this host.",
    Reason.KEY_PATH: "The API key is not for this path.",
    Reason.KEY_METHOD: "The API key is not for this method.",
    Reason.KEY_NETWORK: "The API key is not for the network of this client address.",
    Reason.REQUEST_UNCLEAR: "The request can be read in several ways, or in none.",
    Reason.PROXY_UNTRUSTED: "Whoever asked is no proxy that is trusted.",
    Reason.RATE_LIMITED: "A limit is used up.",
    Reason.UNAVAILABLE: "A part of Paseport that the decision needs did not answer.",
}
