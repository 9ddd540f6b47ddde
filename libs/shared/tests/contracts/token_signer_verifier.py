"""What a ``TokenSigner`` and the ``TokenVerifier`` of the same issuer promise together."""

import base64
import json
from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest
from contracts.support import at_once, crowd
from paseport.claims import Claims
from paseport.token_verifier import TokenVerifier
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.domain.errors import InvalidToken, Unavailable
from paseport_shared.domain.ports.token_signer import TokenSigner

ISSUER = "https://auth.example.com"
AUDIENCE = "https://auth.example.com/api"
MAX_LIFETIME = timedelta(hours=1)
LIFETIME = timedelta(minutes=5)
SECOND = timedelta(seconds=1)
ABSENT = object()


class SignMessage(Protocol):
    """Sign any message with the issuer's key, as only the issuer itself can."""

    def __call__(self, message: bytes, implicit_assertion: bytes = b"") -> Awaitable[str]: ...


def user_claims(now: datetime) -> Claims:
    return Claims(
        issuer=ISSUER,
        subject="0198c0de-0000-7000-8000-000000000001",
        audience=AUDIENCE,
        expires_at=now + LIFETIME,
        not_before=now,
        issued_at=now,
        token_id="5K8ZQpS1bWq0xk4Yv9aRmT",
        client_id="bff",
        scope=("openid", "profile", "roles"),
        session_id="2Qd8mL5nXc7vB1zR0kJhGf",
        family_id="7Yt3wE9uIo2pA6sD4fGhJk",
        user_version=3,
        auth_time=now - timedelta(hours=1),
        amr=("pwd",),
    )


def machine_claims(now: datetime) -> Claims:
    return replace(
        user_claims(now),
        subject="nightly-report",
        client_id="nightly-report",
        scope=("reports",),
        session_id=None,
        family_id=None,
        user_version=None,
        auth_time=None,
        amr=(),
    )


def wire(now: datetime, **changes: object) -> bytes:
    """The message of a good user's token, written by hand, with claims replaced or left out (``ABSENT``)."""
    times = {"exp": now + LIFETIME, "nbf": now, "iat": now}
    message: dict[str, object] = {
        "iss": ISSUER,
        "sub": "0198c0de-0000-7000-8000-000000000001",
        "aud": AUDIENCE,
        **{name: rfc3339(moment) for name, moment in times.items()},
        "jti": "5K8ZQpS1bWq0xk4Yv9aRmT",
        "client_id": "bff",
        "scope": "openid roles",
        "typ": "access",
        "fid": "7Yt3wE9uIo2pA6sD4fGhJk",
        "ver": 3,
    } | changes
    return json.dumps({name: value for name, value in message.items() if value is not ABSENT}).encode()


def rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def segment(token: str, number: int) -> bytes:
    text = token.split(".")[number]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def footer_of(token: str) -> Any:
    return json.loads(segment(token, 3))


def message_of(token: str) -> Any:
    return json.loads(segment(token, 2)[:-64])


class TokenSignerVerifierContract:
    """The adapter's file supplies the fixtures ``clock``; ``signer`` and ``verifier``, which belong together
    (``ISSUER``, ``AUDIENCE``, ``MAX_LIFETIME``); ``sign_message`` (``SignMessage``); ``signer_cut_off``, whose key does
    not answer; ``signer_astray``, whose key answers for another version than it was asked; ``verifier_cut_off``, which
    knows no key and cannot ask for any; and ``verifier_elsewhere``, which knows other keys only."""

    # --- good tokens

    @pytest.mark.parametrize("claims_of", [user_claims, machine_claims])
    async def test_what_the_issuer_signs_the_verifier_reads(
        self, signer: TokenSigner, verifier: TokenVerifier, clock: ManualClock, claims_of: Any
    ) -> None:
        claims = claims_of(clock.now())

        token = await signer.sign(claims)

        assert await verifier.verify(token) == replace(claims, key_id=footer_of(token)["kid"])

    async def test_an_offline_token_has_no_session(
        self, signer: TokenSigner, verifier: TokenVerifier, clock: ManualClock
    ) -> None:
        claims = replace(user_claims(clock.now()), session_id=None, scope=())

        verified = await verifier.verify(await signer.sign(claims))

        assert (verified.session_id, verified.scope) == (None, ())

    async def test_a_token_says_what_the_design_says_and_no_more(self, signer: TokenSigner, clock: ManualClock) -> None:
        """Roles are not in it, optional claims are absent rather than null, and the footer holds the kid alone."""
        user = await signer.sign(user_claims(clock.now()))
        machine = await signer.sign(machine_claims(clock.now()))

        common = {"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "typ"}
        assert set(message_of(machine)) == common
        assert set(message_of(user)) == common | {"sid", "fid", "ver", "auth_time", "amr"}
        assert message_of(user)["typ"] == "access"
        assert message_of(user)["scope"] == "openid profile roles"
        assert message_of(user)["exp"] == rfc3339(clock.now() + LIFETIME)
        assert list(footer_of(user)) == ["kid"]

    async def test_many_users_who_sign_in_together_each_get_their_own_token(
        self, signer: TokenSigner, verifier: TokenVerifier, clock: ManualClock
    ) -> None:
        everybody = [replace(user_claims(clock.now()), token_id=f"token-{number}") for number in range(50)]

        tokens = await at_once([signer.sign(claims) for claims in everybody])
        verified = await at_once([verifier.verify(token) for token in tokens])

        assert [claims.token_id for claims in verified] == [claims.token_id for claims in everybody]

    async def test_one_token_shown_by_many_callers_gets_one_verdict(
        self, signer: TokenSigner, verifier: TokenVerifier, clock: ManualClock
    ) -> None:
        """TK-24."""
        token = await signer.sign(user_claims(clock.now()))

        verdicts = await crowd(lambda: verifier.verify(token))

        assert all(verdict == verdicts[0] for verdict in verdicts)

    # --- time

    async def test_a_token_ends_at_its_exp_without_leeway(
        self, signer: TokenSigner, verifier: TokenVerifier, clock: ManualClock
    ) -> None:
        """TK-08."""
        token = await signer.sign(user_claims(clock.now()))

        clock.advance(LIFETIME - SECOND)
        await verifier.verify(token)
        clock.advance(SECOND)

        with pytest.raises(InvalidToken):
            await verifier.verify(token)

    @pytest.mark.parametrize("claim", ["not_before", "issued_at"])
    async def test_an_issuer_s_clock_may_be_ahead_by_thirty_seconds_and_no_more(
        self, signer: TokenSigner, verifier: TokenVerifier, clock: ManualClock, claim: str
    ) -> None:
        """TK-09."""
        now = clock.now()
        ahead = {seconds: replace(user_claims(now), **{claim: now + seconds * SECOND}) for seconds in (30, 31)}

        await verifier.verify(await signer.sign(ahead[30]))

        with pytest.raises(InvalidToken):
            await verifier.verify(await signer.sign(ahead[31]))

    async def test_a_token_that_would_live_too_long_is_refused_though_the_issuer_signed_it(
        self, signer: TokenSigner, verifier: TokenVerifier, clock: ManualClock
    ) -> None:
        """TK-09."""
        longest = replace(user_claims(clock.now()), expires_at=clock.now() + MAX_LIFETIME)

        await verifier.verify(await signer.sign(longest))

        with pytest.raises(InvalidToken):
            await verifier.verify(await signer.sign(replace(longest, expires_at=longest.expires_at + SECOND)))

    # --- tokens that the issuer's key signed and that are no access tokens for here

    async def test_a_message_written_by_hand_is_accepted_as_the_signer_s_own(
        self, verifier: TokenVerifier, sign_message: SignMessage, clock: ManualClock
    ) -> None:
        """Or the refusals below would prove nothing."""
        assert (await verifier.verify(await sign_message(wire(clock.now())))).client_id == "bff"

    @pytest.mark.parametrize(
        ("claim", "value"),
        [
            *[("typ", value) for value in [ABSENT, None, "refresh", "id", "Access", "access ", ["access"]]],
            *[("iss", value) for value in [ABSENT, None, "", "https://evil.example", ISSUER + "/", ISSUER.upper()]],
            *[("aud", value) for value in [ABSENT, None, "", ISSUER, AUDIENCE + "/", [AUDIENCE], {AUDIENCE: True}, 1]],
            *[("exp", value) for value in [ABSENT, None, 4102444800, "99999-01-01T00:00:00Z", "2026-01-01T00:04:00"]],
            *[("exp", value) for value in ["2026-01-01T00:04:00+00:00", "tomorrow", "", ["2026-01-01T00:04:00Z"]]],
            *[(claim, value) for claim in ("nbf", "iat", "sub", "jti", "client_id") for value in (ABSENT, None, 7)],
            *[("sub", value) for value in ["", "0198C0DE-0000-7000-8000-000000000001", "urn:x", "nightly-report"]],
            *[("fid", value) for value in [ABSENT, None, "", 7]],
            *[("ver", value) for value in [ABSENT, None, "3", -1, 3.5, True]],
            *[("scope", value) for value in [ABSENT, None, ["openid"], "openid  roles", " openid", "openid\troles"]],
        ],
    )
    async def test_a_token_with_an_unfit_claim_is_refused_though_the_issuer_signed_it(
        self, verifier: TokenVerifier, sign_message: SignMessage, clock: ManualClock, claim: str, value: object
    ) -> None:
        """TK-05 (typ), TK-08 (exp), TK-14 (iss), TK-15 (aud)."""
        token = await sign_message(wire(clock.now(), **{claim: value}))

        with pytest.raises(InvalidToken):
            await verifier.verify(token)

    @pytest.mark.parametrize("message", [b"{", b"[]", b"null", b'"access"', b"\xff\xfe", b"[" * 2_500])
    async def test_a_signed_message_that_is_not_a_set_of_claims_is_refused(
        self, verifier: TokenVerifier, sign_message: SignMessage, message: bytes
    ) -> None:
        token = await sign_message(message)

        with pytest.raises(InvalidToken):
            await verifier.verify(token)

    async def test_a_token_for_another_implicit_assertion_is_refused(
        self, verifier: TokenVerifier, sign_message: SignMessage, clock: ManualClock
    ) -> None:
        """TK-05: ours is empty, so that every PASETO library can verify."""
        token = await sign_message(wire(clock.now()), implicit_assertion=b"another purpose")

        with pytest.raises(InvalidToken):
            await verifier.verify(token)

    # --- strings that the issuer's key did not sign

    @pytest.mark.parametrize(
        "credential",
        [
            "",
            "prt_2Qd8mL5nXc7vB1zR0kJhGf_1_4fGhJk7Yt3wE9uIo2pA6sD_1A2b3C",
            "ppk_5K8ZQpS1bWq0xk4Y_2Qd8mL5nXc7vB1zR0kJhGf7Yt3wE9uIo2pA6sD4fGhJk_1A2b3C",
            "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZS5jb20ifQ.AAAA",
            "eyJhbGciOiJub25lIn0.eyJ0eXAiOiJhY2Nlc3MifQ.",
            "v4.public.",
            "v4.public",
            "v4.public.\u0000",
            "Bearer v4.public.AAAA.AAAA",
            "\ud800",
            "v4.public." + "A" * 4_087,
        ],
    )
    async def test_another_credential_is_not_an_access_token(self, verifier: TokenVerifier, credential: str) -> None:
        """TK-04, TK-10, TK-11, TK-13."""
        with pytest.raises(InvalidToken):
            await verifier.verify(credential)

    async def test_a_forger_who_changes_any_character_of_a_token_is_refused(
        self, signer: TokenSigner, verifier: TokenVerifier, clock: ManualClock
    ) -> None:
        """TK-02, TK-03: header, message, signature and footer."""
        token = await signer.sign(user_claims(clock.now()))

        for position, character in enumerate(token):
            changed = token[:position] + ("A" if character != "A" else "B") + token[position + 1 :]
            with pytest.raises(InvalidToken):
                await verifier.verify(changed)

    async def test_a_token_of_an_unknown_key_is_refused(
        self, signer: TokenSigner, verifier_elsewhere: TokenVerifier, clock: ManualClock
    ) -> None:
        """TK-03, TK-06: another installation's issuer signed it, name and audience alike."""
        token = await signer.sign(user_claims(clock.now()))

        with pytest.raises(InvalidToken):
            await verifier_elsewhere.verify(token)

    async def test_a_caller_cannot_tell_which_check_failed(
        self, signer: TokenSigner, verifier: TokenVerifier, sign_message: SignMessage, clock: ManualClock
    ) -> None:
        """TK-26: one constant answer; the reason is for the log and differs."""
        token = await signer.sign(user_claims(clock.now()))
        refused = [
            "nonsense",
            token[:20] + ("A" if token[20] != "A" else "B") + token[21:],
            await sign_message(wire(clock.now(), typ="refresh")),
            await sign_message(wire(clock.now(), aud="https://elsewhere.example.com")),
        ]
        errors = []

        for credential in refused:
            with pytest.raises(InvalidToken) as refusal:
                await verifier.verify(credential)
            errors.append(refusal.value)

        assert len({(str(error), error.code, error.public) for error in errors}) == 1
        assert len({error.reason for error in errors}) == len(refused)
        assert not any(credential in error.reason for error in errors for credential in refused)

    # --- outages

    async def test_nothing_is_issued_while_the_signing_key_does_not_answer(
        self, signer_cut_off: TokenSigner, clock: ManualClock
    ) -> None:
        with pytest.raises(Unavailable):
            await signer_cut_off.sign(user_claims(clock.now()))

    async def test_nothing_is_issued_under_another_key_than_the_token_names(
        self, signer_astray: TokenSigner, clock: ManualClock
    ) -> None:
        """A rotation between choosing the kid and signing would do that: the signer checks before it answers."""
        with pytest.raises(Unavailable):
            await signer_astray.sign(user_claims(clock.now()))

    async def test_nothing_is_issued_that_no_verifier_would_read(self, signer: TokenSigner, clock: ManualClock) -> None:
        """TK-10: longer than 4,096 bytes, it would be refused at every gate."""
        with pytest.raises(Unavailable):
            await signer.sign(replace(user_claims(clock.now()), scope=("s" * 4_096,)))

    async def test_a_good_token_whose_key_cannot_be_looked_up_is_unavailable_and_not_refused(
        self, signer: TokenSigner, verifier_cut_off: TokenVerifier, clock: ManualClock
    ) -> None:
        """TK-06: 503, never allow, and no sign-out either."""
        token = await signer.sign(user_claims(clock.now()))

        with pytest.raises(Unavailable):
            await verifier_cut_off.verify(token)

    async def test_nonsense_is_refused_also_while_no_key_can_be_looked_up(
        self, verifier_cut_off: TokenVerifier
    ) -> None:
        """A string that is no token asks for no key."""
        with pytest.raises(InvalidToken):
            await verifier_cut_off.verify("nonsense")
