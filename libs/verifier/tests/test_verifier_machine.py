"""Whatever an issuer does in whatever order, its verifier says what the issuer would say (P2, P3, P5, FT-08, FA-07)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from paseport import InvalidToken, Unavailable, Verifier
from paseport.revocation_list import STALE_AFTER_SECONDS
from paseport.subject import SubjectState
from paseport.sync import SyncVerifier
from paseport_testkit.fake_issuer import FakeIssuer

TLS = ssl.create_default_context()
MOST_TOKENS = 8
NEAR_ITS_END = timedelta(seconds=3)
REFUSED, UNAVAILABLE = "refused", "unavailable"
ROLES = st.frozensets(st.sampled_from(["User", "Admin", "Auditor"]))
NUMBER = st.integers(0, MOST_TOKENS - 1)


@dataclass
class Token:
    """A token, and what the issuer would say of it."""

    text: str
    user: SubjectState | None
    key: str
    is_revoked: bool = False
    was_refused: bool = False
    """Whether verifiers had heard that it counts no more when the feed fell silent."""


@dataclass
class User:
    """A user as the issuer has it."""

    state: SubjectState
    roles: frozenset[str]
    enabled: bool = True
    heard_roles: set[frozenset[str]] = field(default_factory=set)
    """The roles that a verifier may go by while the feed is silent: those from before, or what it asked for since."""


class IssuerAndVerifier(RuleBasedStateMachine):
    """Rules are what an issuer, its operators and its network do; after each the verifier is asked about all tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.issuer = FakeIssuer()
        self.issuer.start()
        self.verifier = SyncVerifier(self.made)
        self.verifier.start()
        self.users: list[User] = []
        self.tokens: list[Token] = []
        self.outage: Any = None
        self.is_away = False
        self.deaf_seconds = 0.0

    def made(self) -> Verifier:
        return self.issuer.verifier(ssl_context=TLS)

    def teardown(self) -> None:
        if self.outage is not None:
            self.recover()
        self.verifier.close()
        self.issuer.stop()

    @property
    def can_hear(self) -> bool:
        return self.outage is None

    # --- who there is -------------------------------------------------------------------------------------------------

    @initialize(roles=ROLES)
    def a_first_user(self, roles: frozenset[str]) -> None:
        self.a_user(roles)
        self.a_token(0)

    @rule(roles=ROLES)
    @precondition(lambda self: len(self.users) < MOST_TOKENS)
    def a_user(self, roles: frozenset[str]) -> None:
        self.users.append(User(self.issuer.add_user(roles=roles), roles, heard_roles={roles}))

    @rule(number=NUMBER)
    @precondition(lambda self: len(self.tokens) < MOST_TOKENS)
    def a_token(self, number: int) -> None:
        user = self.users[number % len(self.users)]
        text = self.issuer.mint_token(user.state.user_id, lifetime=timedelta(minutes=2))
        self.tokens.append(Token(text, user.state, self.issuer.claims(text).key_id))

    @rule()
    @precondition(lambda self: len(self.tokens) < MOST_TOKENS)
    def a_token_of_a_machine(self) -> None:
        text = self.issuer.mint_token(machine=True, lifetime=timedelta(minutes=2))
        self.tokens.append(Token(text, None, self.issuer.claims(text).key_id))

    # --- what is done to them -----------------------------------------------------------------------------------------

    @rule(number=NUMBER, what=st.sampled_from(["token", "session", "family", "user", "everything of the user"]))
    def revoke(self, number: int, what: str) -> None:
        token = self.tokens[number % len(self.tokens)]
        if token.user is None or what == "token":
            _ = self.issuer.revoke(token.text)
            token.is_revoked = True
        elif what == "session":
            _ = self.issuer.revoke(session=token.text)
            token.is_revoked = True
        elif what == "family":
            _ = self.issuer.revoke(family=token.text)
            token.is_revoked = True
        else:
            _ = self.issuer.revoke(user=token.text)
            for other in self.tokens:
                other.is_revoked |= other.user is token.user

    @rule(number=NUMBER, roles=ROLES)
    def change_roles(self, number: int, roles: frozenset[str]) -> None:
        user = self.users[number % len(self.users)]
        _ = self.issuer.set_roles(user.state, roles)
        user.roles = roles
        user.heard_roles = {roles} if self.can_hear else user.heard_roles | {roles}

    @rule(number=NUMBER)
    def disable(self, number: int) -> None:
        user = self.users[number % len(self.users)]
        _ = self.issuer.disable(user.state)
        user.enabled = False

    # --- keys ---------------------------------------------------------------------------------------------------------

    @rule()
    def rotate_the_key(self) -> None:
        self.issuer.rotate_key()
        self.let_pass(2)

    @rule(number=NUMBER)
    def revoke_a_key(self, number: int) -> None:
        key = self.tokens[number % len(self.tokens)].key
        _ = self.issuer.revoke_key(key)
        for token in self.tokens:
            token.is_revoked |= token.key == key
        self.let_pass(2)

    # --- time and network ---------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 2, 3, 30]))
    def let_pass(self, seconds: int) -> None:
        self.issuer.clock.elapse(timedelta(seconds=seconds))
        if self.can_hear:
            self.listen()
        else:
            self.deaf_seconds += seconds

    @rule(of=st.sampled_from(["everything", "feed"]))
    @precondition(lambda self: self.can_hear)
    def fall_silent(self, of: Any) -> None:
        for token in self.tokens:
            token.was_refused = self.is_refused(token)
        self.outage = self.issuer.outage(of)
        self.outage.__enter__()
        self.is_away = of == "everything"
        self.deaf_seconds = 0.0

    @rule()
    @precondition(lambda self: not self.can_hear)
    def recover(self) -> None:
        self.outage.__exit__(None, None, None)
        self.outage, self.is_away = None, False
        # A fetch of the key document that failed is not repeated at once.
        self.let_pass(2)
        for user in self.users:
            user.heard_roles = {user.roles}

    @rule()
    @precondition(lambda self: self.can_hear)
    def lose_the_primary(self) -> None:
        _ = self.issuer.start_new_epoch()

    @rule()
    @precondition(lambda self: self.can_hear)
    def start_the_verifier_anew(self) -> None:
        self.verifier.close()
        self.verifier = SyncVerifier(self.made)
        self.verifier.start()

    def listen(self) -> None:
        """Return when the verifier has heard the issuer since now: copies are as young as can be."""
        _ = self.issuer.everybody_changed()

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def the_verifier_says_what_the_issuer_would(self) -> None:
        for token in self.tokens:
            said = self.said_of(token)
            if self.is_near_its_end(token):
                continue
            expected = self.expected_of(token)
            assert said in expected, f"{said} is none of {expected}, deaf for {self.deaf_seconds} s: {token}"

    def expected_of(self, token: Token) -> list[object]:
        refused = self.is_refused(token)
        if self.can_hear:
            return [REFUSED] if refused else [self.roles_of(token)]
        # Deaf, it may go by what it knew; for five seconds, and never for what it knew to be over.
        allowed: list[object] = [UNAVAILABLE]
        if refused:
            allowed.append(REFUSED)
        if self.deaf_seconds <= STALE_AFTER_SECONDS and not token.was_refused and not self.has_expired(token):
            user = self.user_of(token)
            allowed += [frozenset()] if user is None else sorted(user.heard_roles, key=sorted)
        return allowed

    def said_of(self, token: Token) -> object:
        try:
            return self.verifier.verify(token.text).roles
        except InvalidToken:
            return REFUSED
        except Unavailable:
            return UNAVAILABLE

    def is_refused(self, token: Token) -> bool:
        user = self.user_of(token)
        return token.is_revoked or self.has_expired(token) or (user is not None and not user.enabled)

    def roles_of(self, token: Token) -> frozenset[str]:
        user = self.user_of(token)
        return frozenset() if user is None else user.roles

    def user_of(self, token: Token) -> User | None:
        return next((user for user in self.users if user.state is token.user), None)

    def has_expired(self, token: Token) -> bool:
        return self.issuer.claims(token.text).expires_at <= self.issuer.clock.now()

    def is_near_its_end(self, token: Token) -> bool:
        """It may expire between the questions to the one and to the other."""
        left = self.issuer.claims(token.text).expires_at - self.issuer.clock.now()
        return abs(left) < NEAR_ITS_END


def test_whatever_happens_the_verifier_says_what_the_issuer_would() -> None:
    """P2, P3, P5, FT-08."""
    # Not shrunk: each step takes real time, and thirty of them can be read.
    steps = settings(max_examples=25, stateful_step_count=30, phases=[Phase.generate])
    run_state_machine_as_test(IssuerAndVerifier, settings=steps)
