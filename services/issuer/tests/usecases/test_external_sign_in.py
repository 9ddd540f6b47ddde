"""Signing in through an identity provider: the person, the attacker with a provider or an account, the victim."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from issuer_world import ADMIN_ACTOR, CALLER, PASSWORD, IssuerWorld
from paseport.secret import Secret
from paseport_issuer.use_cases.account_holder import AccountHolder
from paseport_issuer.use_cases.authorize import BrowserCookies, SignInNeeded
from paseport_issuer.use_cases.begin_external_sign_in import BeginExternalSignInCommand, BeginLinkingCommand
from paseport_issuer.use_cases.change_user import ChangeUserCommand, UserChange
from paseport_issuer.use_cases.complete_external_sign_in import (
    ExternalCallback,
    ExternallySignedIn,
    IdentityLinked,
    Outcome,
    ProofNeeded,
    Stopped,
)
from paseport_issuer.use_cases.login_local import LoginLocalCommand, SignedIn, TransactionOfBrowser
from paseport_issuer.use_cases.register_provider import ChangeProviderCommand, RegisterProviderCommand
from paseport_shared.domain.errors import (
    ExternalSignInRefused,
    IdentityTaken,
    InvalidCredentials,
    InvalidGrant,
    InvalidToken,
    LastCredential,
    NotFound,
    ProviderAnswerRefused,
    ProviderDeclined,
    ProviderUnavailable,
    ReauthenticationRequired,
    Unavailable,
    UnknownProvider,
    UnknownSignIn,
    UnknownTransaction,
    ValidationFailed,
)
from paseport_shared.domain.models.external_sign_in import EXTERNAL_SIGN_IN_LIFETIME, PENDING_LINK_LIFETIME
from paseport_shared.domain.models.identity_provider import (
    ClaimMapping,
    GroupRole,
    IdentityProvider,
    ProviderKind,
    TrustEmail,
)
from paseport_shared.domain.models.linked_identity import ExternalIdentity, LinkedIdentity
from paseport_shared.domain.models.session import Session, parse_session_cookie
from paseport_shared.domain.models.user import User, UserQuery
from paseport_shared.domain.ports.outbound import OutboundRefused, OutboundRule
from paseport_shared.domain.ports.record import RecordTransaction
from paseport_shared.domain.ports.upstream import UpstreamLogout
from scripted_upstream import state_of

CORP = "https://idp.example.com"
SECRET = Secret("the secret of paseport at corp")


class Browser:
    """One browser: its cookies, and the sign-ins that it has begun."""

    def __init__(self, world: IssuerWorld) -> None:
        self.world = world
        self.secret: Secret[str] | None = None
        self.session: Secret[str] | None = None
        self.transaction = ""

    async def ask(self, *prompt: str, max_age: int | None = None) -> None:
        """Come with the app's authorization request, which waits for a sign-in."""
        begun = self.world.use.sign_in_app.begin(None, None, self.secret)
        parameters = {name: [value] for name, value in begun.parameters}
        if prompt:
            parameters["prompt"] = [" ".join(prompt)]
        if max_age is not None:
            parameters["max_age"] = [str(max_age)]
        outcome = await self.world.use.authorize(parameters, BrowserCookies(self.session, begun.browser))
        assert isinstance(outcome, SignInNeeded)
        self.secret, self.transaction = outcome.browser, outcome.transaction.id

    async def go(self, provider: str | None = "corp") -> str:
        """Go to the provider; return the ``state`` that it is sent."""
        if not self.transaction:
            await self.ask()
        at_provider = await self.world.use.begin_external_sign_in(
            BeginExternalSignInCommand(provider, self.transaction, self.secret, None)
        )
        self.secret = at_provider.browser
        return state_of(at_provider.url)

    async def link(self, holder: AccountHolder, provider: str = "corp") -> str:
        """Go to the provider to link an account there."""
        at_provider = await self.world.use.begin_external_sign_in.to_link(
            BeginLinkingCommand(provider, holder, self.secret, None)
        )
        self.secret = at_provider.browser
        return state_of(at_provider.url)

    async def come_back(
        self,
        state: str,
        identity: ExternalIdentity | None = None,
        *,
        provider: str | None = "corp",
        error: str | None = None,
        issuer: str | None = None,
    ) -> Outcome:
        """Bring the provider's answer: a code for ``identity``, or an error."""
        code = f"code-{len(self.world.upstream.requests)}-{state}"
        if identity is not None:
            self.world.upstream.identities[code] = identity
        outcome = await self.world.use.complete_external_sign_in(
            ExternalCallback(
                provider=provider,
                state=state,
                code=None if error else code,
                error=error,
                issuer=issuer,
                browser=self.secret,
                session=self.session,
                caller=CALLER,
            )
        )
        match outcome:
            case ExternallySignedIn(_, cookie):
                self.session = cookie
            case IdentityLinked(_, cookie) if cookie is not None:
                self.session = cookie
        return outcome

    async def sign_in(self, identity: ExternalIdentity, provider: str = "corp") -> Outcome:
        """Go to the provider and come back as ``identity``."""
        return await self.come_back(await self.go(provider), identity, provider=provider)

    async def prove(self, pending_id: str, login: str, password: Secret[str] = PASSWORD) -> SignedIn:
        """Give the password of the local account that a pending link waits for."""
        waiting = TransactionOfBrowser(self.transaction, self.secret, pending_id)
        outcome = await self.world.use.login_local(LoginLocalCommand(login, password, CALLER, self.session, waiting))
        assert isinstance(outcome, SignedIn)
        self.session = outcome.cookie
        return outcome

    async def held(self) -> Session:
        """Return the session that the browser's cookie stands for."""
        cookie = parse_session_cookie(self.session) if self.session else None
        assert cookie is not None
        session = await self.world.sessions.find(cookie.session_id, self.world.clock.now())
        assert session is not None
        return session

    async def holder(self) -> AccountHolder:
        """Return what an access token of this browser's session says."""
        session = await self.held()
        actor = CALLER.acting_as(str(session.user_id), "bff")
        return AccountHolder(session.user_id, session.id, "a-family", actor, session.auth_time)


@pytest.fixture
def browser(world: IssuerWorld) -> Browser:
    return Browser(world)


async def register(world: IssuerWorld, name: str = "corp", issuer: str = CORP, **values: object) -> IdentityProvider:
    fields = {
        "name": name,
        "display_name": name.title(),
        "kind": ProviderKind.OIDC,
        "issuer": issuer,
        "client_id": "paseport",
    }
    return await world.use.register_provider(RegisterProviderCommand({**fields, **values}, SECRET, ADMIN_ACTOR))


async def change(world: IssuerWorld, provider: IdentityProvider, **values: object) -> IdentityProvider:
    command = ChangeProviderCommand(provider.id, provider.revision, values, None, ADMIN_ACTOR)
    return await world.use.register_provider.change(command)


def alice(subject: str = "alice-at-corp", **values: object) -> ExternalIdentity:
    identity = ExternalIdentity(
        namespace=CORP,
        subject=subject,
        email="alice@example.com",
        email_claimed_verified=True,
        username="alice",
        name="Alice Liddell",
    )
    return replace(identity, **values)  # type: ignore[arg-type] - a test may replace any field


async def verify_email(world: IssuerWorld, user: User) -> User:
    stored = await world.user(user.id)
    command = UserChange(frozenset({"email_verified"}), email_verified=True)
    return await world.use.change_user(ChangeUserCommand(user.id, stored.revision, command, ADMIN_ACTOR))


async def identities_of(world: IssuerWorld, user: User) -> Sequence[LinkedIdentity]:
    async def read(transaction: RecordTransaction) -> Sequence[LinkedIdentity]:
        return await transaction.identities.list_for_user(user.id)

    return await world.record.transact(read)


async def people(world: IssuerWorld) -> list[User]:
    async def read(transaction: RecordTransaction) -> list[User]:
        return list((await transaction.users.page(UserQuery(limit=100))).items)

    return [user for user in await world.record.transact(read) if not user.built_in]


def stopped_by(outcome: Outcome) -> type[Exception]:
    assert isinstance(outcome, Stopped), outcome
    return type(outcome.error)


# --- who signs in -----------------------------------------------------------------------------------------------------


async def test_the_first_sign_in_makes_an_account_and_the_second_finds_it(world: IssuerWorld, browser: Browser) -> None:
    await register(world, default_roles=frozenset({"User"}))

    first = await browser.sign_in(alice())
    (user,) = await people(world)
    second = await Browser(world).sign_in(alice(email="alice@elsewhere.example", username="somebody"))

    assert isinstance(first, ExternallySignedIn)
    assert isinstance(second, ExternallySignedIn)
    assert [person.id for person in await people(world)] == [user.id]
    assert (user.username, user.email, user.display_name) == ("alice", "alice@example.com", "Alice Liddell")
    assert (user.roles, user.email_verified, user.password_hash) == (frozenset({"User"}), True, None)
    assert (await browser.held()).user_id == user.id
    assert sorted(await world.actions()) == [
        "identity.linked",
        "provider.created",
        "session.started",
        "session.started",
        "user.created",
    ]


async def test_the_sign_in_goes_on_in_the_transaction_that_waited_for_it(world: IssuerWorld, browser: Browser) -> None:
    """A phone or a third-party client signs in through a provider too."""
    await register(world)

    outcome = await browser.sign_in(alice())

    assert isinstance(outcome, ExternallySignedIn)
    answer = await world.use.authorize.resume(outcome.transaction_id, BrowserCookies(browser.session, browser.secret))
    assert "code" in dict(answer.parameters)  # type: ignore[union-attr]


async def test_the_session_knows_where_it_comes_from(world: IssuerWorld, browser: Browser) -> None:
    provider = await register(world)

    await browser.sign_in(alice(session_id="their-session"))

    session = await browser.held()
    assert session.amr == ("fed",)
    assert session.upstream is not None
    assert (session.upstream.provider_id, session.upstream.session_id) == (provider.id, "their-session")


async def test_the_earlier_session_of_the_browser_ends(world: IssuerWorld, browser: Browser) -> None:
    """LG-18: its cookie is overwritten, so nobody could sign it out any more."""
    await register(world)
    await world.add_user("bob")
    issued = await world.sign_in("bob")
    assert issued.session_cookie is not None
    # As somebody who is asked again, since a live session would need no provider.
    browser.session = issued.session_cookie
    await browser.ask("login")

    await browser.sign_in(alice())

    with pytest.raises(InvalidGrant):
        await world.refresh(issued.refresh_token)


async def test_two_first_sign_ins_of_one_identity_make_one_account(recorded: IssuerWorld) -> None:
    """On MariaDB, where they really run at once."""
    world = recorded
    await register(world)
    browsers = [Browser(world) for _ in range(8)]
    states = [await browser.go() for browser in browsers]

    outcomes = await asyncio.gather(
        *(browser.come_back(state, alice()) for browser, state in zip(browsers, states, strict=True))
    )

    assert all(isinstance(outcome, ExternallySignedIn) for outcome in outcomes)
    assert len(await people(world)) == 1


async def test_a_user_name_that_is_taken_gets_an_ending(world: IssuerWorld, browser: Browser) -> None:
    await register(world)
    await world.add_user("alice")

    await browser.sign_in(alice(email="alice@elsewhere.example"))

    names = sorted(user.username for user in await people(world))
    assert names[0] == "alice"
    assert names[1].startswith("alice-")


@pytest.mark.parametrize("email", [None, "alice@example.com"])
async def test_a_provider_that_makes_no_accounts_lets_nobody_new_in(
    world: IssuerWorld, browser: Browser, email: str | None
) -> None:
    await register(world, create_users=False)

    assert stopped_by(await browser.sign_in(alice(email=email))) is ExternalSignInRefused
    assert await people(world) == []


async def test_a_disabled_user_does_not_come_in_through_a_provider_either(world: IssuerWorld, browser: Browser) -> None:
    """XI-12, LG-02: one answer for everybody who may not."""
    await register(world)
    await browser.sign_in(alice())
    (user,) = await people(world)
    await world.disable(user)

    assert stopped_by(await Browser(world).sign_in(alice())) is ExternalSignInRefused


# --- an address that somebody has here --------------------------------------------------------------------------------


async def test_a_verified_address_links_to_the_account_that_is_known_to_be_its_owners(
    world: IssuerWorld, browser: Browser
) -> None:
    """Automatic only when both sides are verified."""
    await register(world)
    user = await verify_email(world, await world.add_user("alice"))

    outcome = await browser.sign_in(alice())

    assert isinstance(outcome, ExternallySignedIn)
    assert (await browser.held()).user_id == user.id
    assert (await world.user(user.id)).password_hash is not None
    assert [identity.subject for identity in await identities_of(world, user)] == ["alice-at-corp"]


@pytest.mark.parametrize("claimed", [True, False])
async def test_otherwise_whoever_has_the_address_here_is_asked_for_the_password(
    world: IssuerWorld, browser: Browser, claimed: bool
) -> None:
    """XI-08: no link and no sign-in before the local account is proven."""
    await register(world)
    user = await world.add_user("alice")

    outcome = await browser.sign_in(alice(email_claimed_verified=claimed))

    assert isinstance(outcome, ProofNeeded)
    assert browser.session is None
    assert await identities_of(world, user) == ()

    await browser.prove(outcome.pending.id, "alice@example.com")

    assert (await browser.held()).user_id == user.id
    assert [identity.subject for identity in await identities_of(world, user)] == ["alice-at-corp"]
    assert isinstance(await Browser(world).sign_in(alice()), ExternallySignedIn)


async def test_when_the_verified_owner_arrives_nothing_of_before_is_worth_anything(
    world: IssuerWorld, browser: Browser
) -> None:
    """Pre-hijacking: somebody opened the account in the owner's name, signed in, and linked an identity of theirs."""
    await register(world)
    other = await register(world, "other", "https://other.example.com", trust_email=TrustEmail.NEVER)
    user = await world.add_user("alice")
    attacker = Browser(world)
    issued = await world.sign_in("alice")
    attacker.session = issued.session_cookie
    theirs = ExternalIdentity(namespace=other.namespace, subject="attacker")
    state = await attacker.link(await attacker.holder(), "other")
    assert isinstance(await attacker.come_back(state, theirs, provider="other"), IdentityLinked)
    token = issued.access_token.value

    outcome = await browser.sign_in(alice())
    assert isinstance(outcome, ProofNeeded)
    await browser.prove(outcome.pending.id, "alice")

    owned = await world.user(user.id)
    assert (owned.email_verified, owned.password_hash) == (True, None)
    assert [identity.subject for identity in await identities_of(world, user)] == ["alice-at-corp"]
    with pytest.raises(InvalidCredentials):
        await world.sign_in("alice")
    with pytest.raises(InvalidGrant):
        await world.refresh(issued.refresh_token)
    with pytest.raises(InvalidToken):
        await world.authenticate(token)
    assert (await browser.held()).user_id == user.id
    fresh = await Browser(world).sign_in(theirs, "other")
    assert stopped_by(fresh) is ExternalSignInRefused, "their identity has no address, and is nobody's any more"
    assert "user.ownership_proven" in await world.actions()


async def test_only_the_password_of_the_very_account_proves_anything(world: IssuerWorld, browser: Browser) -> None:
    """XI-11: the proof is bound to the account, the browser, the transaction and the identity."""
    await register(world)
    user = await world.add_user("alice")
    await world.add_user("mallory")
    outcome = await browser.sign_in(alice())
    assert isinstance(outcome, ProofNeeded)
    pending = outcome.pending.id

    with pytest.raises(InvalidCredentials):
        await browser.prove(pending, "mallory")
    with pytest.raises(InvalidCredentials):
        await browser.prove(pending, "alice", Secret("a wrong password of some length"))
    stranger = Browser(world)
    await stranger.ask()
    with pytest.raises(UnknownSignIn):
        await stranger.prove(pending, "alice")
    first = browser.transaction
    await browser.ask("login")
    with pytest.raises(UnknownSignIn):
        await browser.prove(pending, "alice")
    browser.transaction = first

    assert await identities_of(world, user) == ()
    await browser.prove(pending, "alice")
    assert len(await identities_of(world, user)) == 1


async def test_a_proof_is_good_once_and_for_ten_minutes(world: IssuerWorld, browser: Browser) -> None:
    await register(world, trust_email=TrustEmail.NEVER)
    await world.add_user("alice")
    outcome = await browser.sign_in(alice())
    assert isinstance(outcome, ProofNeeded)
    await browser.prove(outcome.pending.id, "alice")
    with pytest.raises(UnknownSignIn):
        await browser.prove(outcome.pending.id, "alice")

    late = Browser(world)
    second = await late.sign_in(alice("another", email="alice@example.com"))
    assert isinstance(second, ProofNeeded)
    world.clock.advance(PENDING_LINK_LIFETIME)
    with pytest.raises(UnknownSignIn):
        await late.prove(second.pending.id, "alice")


async def test_an_identity_that_was_linked_meanwhile_is_not_linked_again(world: IssuerWorld, browser: Browser) -> None:
    """No identity ever moves silently."""
    await register(world, trust_email=TrustEmail.NEVER)
    await world.add_user("alice")
    first = await browser.sign_in(alice())
    assert isinstance(first, ProofNeeded)
    bob = await world.add_user("bob")
    second = Browser(world)
    issued = await world.sign_in("bob")
    second.session = issued.session_cookie
    await second.come_back(await second.link(await second.holder()), alice())

    with pytest.raises(IdentityTaken):
        await browser.prove(first.pending.id, "alice")

    assert [identity.subject for identity in await identities_of(world, bob)] == ["alice-at-corp"]


# --- linking from the account page ------------------------------------------------------------------------------------


async def signed_in(world: IssuerWorld, name: str) -> Browser:
    browser = Browser(world)
    browser.session = (await world.sign_in(name)).session_cookie
    return browser


async def test_somebody_links_an_account_and_signs_in_with_it(world: IssuerWorld) -> None:
    await register(world)
    user = await world.add_user("bob")
    browser = await signed_in(world, "bob")

    outcome = await browser.come_back(await browser.link(await browser.holder()), alice())

    assert outcome == IdentityLinked("corp", None)
    assert world.upstream.requests[-1].force_login
    assert isinstance(await Browser(world).sign_in(alice()), ExternallySignedIn)
    own = await world.use.read_own_identities(user.id)
    assert [(identity.provider.name, identity.is_last_credential) for identity in own.identities] == [("corp", False)]


async def test_linking_needs_a_fresh_sign_in(world: IssuerWorld) -> None:
    """XI-03."""
    await register(world)
    await world.add_user("bob")
    browser = await signed_in(world, "bob")
    world.clock.advance(timedelta(minutes=15, seconds=1))

    with pytest.raises(ReauthenticationRequired):
        await browser.link(await browser.holder())


async def test_an_identity_of_somebody_elses_is_refused(world: IssuerWorld, browser: Browser) -> None:
    await register(world)
    await browser.sign_in(alice())
    bob = await world.add_user("bob")
    other = await signed_in(world, "bob")

    outcome = await other.come_back(await other.link(await other.holder()), alice())

    assert stopped_by(outcome) is IdentityTaken
    assert await identities_of(world, bob) == ()


async def test_linking_twice_is_linking_once(world: IssuerWorld) -> None:
    await register(world)
    user = await world.add_user("bob")
    browser = await signed_in(world, "bob")
    for _ in range(2):
        outcome = await browser.come_back(await browser.link(await browser.holder()), alice())
        assert outcome == IdentityLinked("corp", None)

    assert len(await identities_of(world, user)) == 1


async def test_whoever_signs_in_meanwhile_is_not_who_asked_to_link(world: IssuerWorld) -> None:
    """XI-03: a victim must not end up with the attacker's identity, nor the other way round."""
    await register(world)
    await world.add_user("bob")
    carol = await world.add_user("carol")
    browser = await signed_in(world, "bob")
    state = await browser.link(await browser.holder())
    browser.session = (await world.sign_in("carol")).session_cookie

    outcome = await browser.come_back(state, alice())

    assert stopped_by(outcome) is UnknownSignIn
    assert await identities_of(world, carol) == ()


async def test_the_owner_who_links_the_address_of_an_account_of_unknown_ownership_stays_signed_in(
    world: IssuerWorld,
) -> None:
    """Everything of before ends, the session that asked included: the browser gets a new one."""
    await register(world)
    user = await world.add_user("alice")
    browser = await signed_in(world, "alice")
    before = await browser.held()

    outcome = await browser.come_back(await browser.link(await browser.holder()), alice())

    assert isinstance(outcome, IdentityLinked)
    assert outcome.cookie is not None
    assert (await browser.held()).id != before.id
    assert (await world.user(user.id)).password_hash is None


async def test_the_last_credential_cannot_be_unlinked(world: IssuerWorld, browser: Browser) -> None:
    await register(world)
    await browser.sign_in(alice())
    (user,) = await people(world)
    (identity,) = await identities_of(world, user)
    own = await world.use.read_own_identities(user.id)
    assert own.identities[0].is_last_credential

    with pytest.raises(LastCredential):
        await world.use.unlink_identity.own(identity.id, await browser.holder())

    await world.use.unlink_identity.of_user(identity.id, user.id, ADMIN_ACTOR)
    assert await identities_of(world, user) == ()
    assert "identity.unlinked" in await world.actions()


async def test_an_identity_at_a_disabled_provider_is_no_credential(world: IssuerWorld, browser: Browser) -> None:
    await register(world)
    other = await register(world, "other", "https://other.example.com")
    await browser.sign_in(alice())
    (user,) = await people(world)
    theirs = ExternalIdentity(namespace=other.namespace, subject="alice-elsewhere")
    await browser.come_back(await browser.link(await browser.holder(), "other"), theirs, provider="other")
    await change(world, other, enabled=False)
    corp = next(held for held in await identities_of(world, user) if held.subject == "alice-at-corp")

    with pytest.raises(LastCredential):
        await world.use.unlink_identity.own(corp.id, await browser.holder())


async def test_of_two_who_unlink_the_last_two_at_once_one_is_refused(recorded: IssuerWorld) -> None:
    """On MariaDB, where they really run at once."""
    world, browser = recorded, Browser(recorded)
    await register(world)
    other = await register(world, "other", "https://other.example.com")
    await browser.sign_in(alice())
    (user,) = await people(world)
    theirs = ExternalIdentity(namespace=other.namespace, subject="alice-elsewhere")
    await browser.come_back(await browser.link(await browser.holder(), "other"), theirs, provider="other")
    holder = await browser.holder()

    results = await asyncio.gather(
        *(world.use.unlink_identity.own(held.id, holder) for held in await identities_of(world, user)),
        return_exceptions=True,
    )

    assert sorted(type(result).__name__ for result in results) == ["LastCredential", "NoneType"]


async def test_nobody_unlinks_with_an_old_sign_in_or_anothers_identity(world: IssuerWorld, browser: Browser) -> None:
    """AD-05, AD-14."""
    await register(world)
    await browser.sign_in(alice())
    (user,) = await people(world)
    (identity,) = await identities_of(world, user)
    await world.add_user("bob")
    other = await signed_in(world, "bob")

    with pytest.raises(NotFound):
        await world.use.unlink_identity.own(identity.id, await other.holder())
    holder = await browser.holder()
    world.clock.advance(timedelta(minutes=16))
    with pytest.raises(ReauthenticationRequired):
        await world.use.unlink_identity.own(identity.id, holder)


# --- whose answer it is -----------------------------------------------------------------------------------------------


async def test_an_answer_is_good_once(world: IssuerWorld, browser: Browser) -> None:
    """XI-04."""
    await register(world)
    state = await browser.go()
    await browser.come_back(state, alice())

    with pytest.raises(UnknownSignIn):
        await browser.come_back(state, alice())


async def test_of_many_who_bring_one_answer_one_comes_in(world: IssuerWorld, browser: Browser) -> None:
    await register(world)
    state = await browser.go()

    outcomes = await asyncio.gather(*(browser.come_back(state, alice()) for _ in range(10)), return_exceptions=True)

    assert sum(isinstance(outcome, ExternallySignedIn) for outcome in outcomes) == 1


async def test_an_answer_that_another_browser_asked_for_changes_nothing(world: IssuerWorld, browser: Browser) -> None:
    """XI-01, XI-02: and whoever did ask can still use it."""
    await register(world)
    state = await browser.go()
    victim = Browser(world)
    await victim.ask()

    for other_state in (state, None, "x", "0" * 22):
        with pytest.raises(UnknownSignIn):
            await victim.come_back(other_state, alice())  # type: ignore[arg-type] - a browser may bring none
    assert await people(world) == []

    assert isinstance(await browser.come_back(state, alice()), ExternallySignedIn)


async def test_an_answer_at_another_providers_address_is_refused(world: IssuerWorld, browser: Browser) -> None:
    """Mix-up (RFC 9700 §4.4)."""
    await register(world)
    await register(world, "other", "https://other.example.com")
    state = await browser.go("corp")

    for address in ("other", None):
        with pytest.raises(UnknownSignIn):
            await browser.come_back(state, alice(), provider=address)


async def test_the_shared_address_takes_only_answers_that_say_whose_they_are(
    world: IssuerWorld, browser: Browser
) -> None:
    await register(world, shared_callback=True)

    assert stopped_by(await browser.come_back(await browser.go(), alice(), provider=None)) is ProviderAnswerRefused
    outcome = await browser.come_back(await browser.go(), alice(), provider=None, issuer=CORP)
    assert isinstance(outcome, ExternallySignedIn)


async def test_an_answer_that_comes_too_late_is_not_known(world: IssuerWorld, browser: Browser) -> None:
    await register(world)
    state = await browser.go()
    world.clock.advance(EXTERNAL_SIGN_IN_LIFETIME)

    with pytest.raises(UnknownSignIn):
        await browser.come_back(state, alice())


async def test_a_provider_that_says_no_leaves_the_transaction_as_it_was(world: IssuerWorld, browser: Browser) -> None:
    await register(world)
    waiting = browser.transaction

    outcome = await browser.come_back(await browser.go(), error="access_denied\r\n<script>")

    assert stopped_by(outcome) is ProviderDeclined
    assert isinstance(outcome, Stopped)
    assert "\n" not in outcome.error.reason
    assert outcome.transaction_id != waiting
    assert isinstance(await browser.sign_in(alice()), ExternallySignedIn)


async def test_a_provider_that_is_disabled_on_the_way_lets_nobody_in(world: IssuerWorld, browser: Browser) -> None:
    """XI-19: and nothing is made of whoever was on the way."""
    provider = await register(world)
    state = await browser.go()
    await change(world, provider, enabled=False)

    assert stopped_by(await browser.come_back(state, alice())) is UnknownProvider
    assert await people(world) == []
    with pytest.raises(UnknownProvider):
        await browser.go()


async def test_the_default_provider_is_taken_where_none_is_named(world: IssuerWorld, browser: Browser) -> None:
    with pytest.raises(UnknownProvider):
        await browser.go(None)
    await register(world, "other", "https://other.example.com", is_default=True)
    await register(world, is_default=True)

    assert isinstance(await browser.come_back(await browser.go(None), alice()), ExternallySignedIn)
    assert [held.is_default for held in await world.use.read_providers.all()] == [True, False]


async def test_a_transaction_that_is_over_begins_nothing(world: IssuerWorld, browser: Browser) -> None:
    await register(world)
    await browser.ask()
    world.clock.advance(timedelta(hours=1))

    with pytest.raises(UnknownTransaction):
        await browser.go()


# --- a sign-in that has to be fresh -----------------------------------------------------------------------------------


async def test_whoever_must_sign_in_again_is_asked_again_at_the_provider(world: IssuerWorld, browser: Browser) -> None:
    await register(world)
    await browser.ask("login", max_age=60)

    await browser.go()

    request = world.upstream.requests[-1]
    assert (request.force_login, request.sign_in.max_age) == (True, 60)


async def test_a_sign_in_at_the_provider_of_long_ago_is_none_of_now(world: IssuerWorld, browser: Browser) -> None:
    """Its session there let somebody through without a question: that is not the fresh sign-in which was asked for."""
    await register(world)
    await browser.ask("login")
    long_ago = world.clock.now() - timedelta(hours=3)

    outcome = await browser.come_back(await browser.go(), alice(auth_time=long_ago))

    assert isinstance(outcome, ExternallySignedIn)
    assert (await browser.held()).auth_time == long_ago
    resumed = await world.use.authorize.resume(outcome.transaction_id, BrowserCookies(browser.session, browser.secret))
    assert isinstance(resumed, SignInNeeded)


async def test_a_clock_of_the_providers_that_is_a_little_behind_changes_nothing(
    world: IssuerWorld, browser: Browser
) -> None:
    await register(world)
    await browser.ask("login")
    state = await browser.go()

    await browser.come_back(state, alice(auth_time=world.clock.now() - timedelta(seconds=30)))

    assert (await browser.held()).auth_time == world.clock.now()


# --- roles from groups ------------------------------------------------------------------------------------------------

ADMINS = (GroupRole("admins", "Admin"), GroupRole("staff", "Staff"))


async def test_roles_follow_the_groups_at_each_sign_in(world: IssuerWorld) -> None:
    """Roles that no group is mapped to stay whoever gave them."""
    await register(world, group_roles=ADMINS, claims=ClaimMapping(groups="groups"), default_roles=frozenset({"User"}))
    await world.add_user("root", roles=("Admin",))
    await Browser(world).sign_in(alice(groups=frozenset({"admins", "staff", "unknown"})))
    user = next(person for person in await people(world) if person.username == "alice")
    assert user.roles == {"User", "Admin", "Staff"}

    await Browser(world).sign_in(alice(groups=frozenset({"staff"})))
    assert (await world.user(user.id)).roles == {"User", "Staff"}
    state = await world.roles.find(user.id)
    assert state is not None
    assert state.roles == {"User", "Staff"}

    await Browser(world).sign_in(alice(groups=None))
    assert (await world.user(user.id)).roles == {"User"}
    assert (await world.actions()).count("user.roles_synced") == 2


async def test_a_group_that_is_gone_does_not_take_away_the_last_administrator(world: IssuerWorld) -> None:
    await register(world, group_roles=ADMINS, claims=ClaimMapping(groups="groups"))
    await Browser(world).sign_in(alice(groups=frozenset({"admins"})))
    (user,) = await people(world)

    await Browser(world).sign_in(alice(groups=frozenset()))

    assert (await world.user(user.id)).roles == {"Admin"}


# --- outages ----------------------------------------------------------------------------------------------------------


async def test_while_vault_is_away_nothing_is_spent(world: IssuerWorld, browser: Browser) -> None:
    """Design §5: login is 503, nothing consumed."""
    await register(world)
    state = await browser.go()

    with world.outages.vault:
        assert issubclass(stopped_by(await browser.come_back(state, alice())), Unavailable)

    assert isinstance(await browser.come_back(state, alice()), ExternallySignedIn)


async def test_while_the_record_is_away_nothing_is_spent(world: IssuerWorld, browser: Browser) -> None:
    await register(world)
    state = await browser.go()

    with world.outages.mariadb:
        assert issubclass(stopped_by(await browser.come_back(state, alice())), Unavailable)

    assert isinstance(await browser.come_back(state, alice()), ExternallySignedIn)


async def test_a_provider_that_is_away_is_said_to_be(world: IssuerWorld, browser: Browser) -> None:
    """XI-15: signing in with a password goes on."""
    await register(world)
    await world.add_user("bob")
    state = await browser.go()

    with world.upstream.outage:
        assert stopped_by(await browser.come_back(state, alice())) is ProviderUnavailable
        with pytest.raises(ProviderUnavailable):
            await browser.go()
        assert await world.sign_in("bob")


# --- the end of a session at the provider -----------------------------------------------------------------------------


async def test_a_logout_token_ends_the_sessions_that_it_names(world: IssuerWorld) -> None:
    """Back-Channel Logout §2.6: by session or by subject, and none of another provider, user or password."""
    await register(world)
    named, other = Browser(world), Browser(world)
    await named.sign_in(alice(session_id="one"))
    await other.sign_in(alice(session_id="two"))
    by_password = await world.add_user("bob")
    kept = await world.sign_in("bob")
    end = world.clock.now() + timedelta(minutes=2)
    world.upstream.logouts["by session"] = UpstreamLogout("jti-1", None, "one", end)
    world.upstream.logouts["by another's session"] = UpstreamLogout("jti-2", "somebody else", "two", end)
    world.upstream.logouts["by subject"] = UpstreamLogout("jti-3", "alice-at-corp", None, end)

    await world.use.end_upstream_sessions("corp", "by session", CALLER)
    with pytest.raises(AssertionError):
        await named.held()
    await world.use.end_upstream_sessions("corp", "by another's session", CALLER)
    assert await other.held()
    await world.use.end_upstream_sessions("corp", "by subject", CALLER)
    with pytest.raises(AssertionError):
        await other.held()
    assert (await world.refresh(kept.refresh_token)).access_token
    assert by_password


async def test_a_logout_token_is_good_once_unless_it_could_not_be_carried_out(world: IssuerWorld) -> None:
    await register(world)
    browser = Browser(world)
    await browser.sign_in(alice(session_id="one"))
    end = world.clock.now() + timedelta(minutes=2)
    world.upstream.logouts["a token"] = UpstreamLogout("jti-1", None, "one", end)
    with world.outages.publishing, pytest.raises(Unavailable):
        await world.use.end_upstream_sessions("corp", "a token", CALLER)

    await world.use.end_upstream_sessions("corp", "a token", CALLER)
    with pytest.raises(ProviderAnswerRefused):
        await world.use.end_upstream_sessions("corp", "a token", CALLER)
    with pytest.raises(ProviderAnswerRefused):
        await world.use.end_upstream_sessions("corp", "no token", CALLER)


async def test_signing_out_goes_on_at_a_provider_that_wants_it(world: IssuerWorld, browser: Browser) -> None:
    provider = await register(world)
    await browser.sign_in(alice())
    session = await browser.held()
    assert await world.use.leave_upstream(session.upstream) is None

    await change(world, provider, end_upstream_session=True)
    url = await world.use.leave_upstream(session.upstream)
    assert url is not None
    assert url.startswith(f"{CORP}/end?")
    with world.upstream.outage:
        assert await world.use.leave_upstream(session.upstream) is None


# --- the secret of a provider -----------------------------------------------------------------------------------------


async def test_a_stored_secret_is_never_sent_to_another_address(world: IssuerWorld, browser: Browser) -> None:
    """Whoever may change a provider must not be able to have its secret sent to a server of their own."""
    provider = await register(world)

    with pytest.raises(ValidationFailed) as refused:
        await change(world, provider, issuer="https://elsewhere.example.com")

    assert [problem.field for problem in refused.value.problems] == ["client_secret"]
    await browser.sign_in(alice())
    assert [secret.reveal() for secret in world.upstream.secrets] == [SECRET.reveal()]


async def test_a_provider_that_our_rules_forbid_cannot_be_registered_and_one_that_is_away_only_disabled(
    world: IssuerWorld,
) -> None:
    """XI-16."""
    world.upstream.forbidden = OutboundRefused(OutboundRule.ADDRESS, "a loopback address")
    for enabled in (True, False):
        with pytest.raises(ValidationFailed):
            await register(world, enabled=enabled)
    world.upstream.forbidden = None

    with world.upstream.outage:
        with pytest.raises(ValidationFailed):
            await register(world)
        provider = await register(world, enabled=False)
        with pytest.raises(ValidationFailed):
            await change(world, provider, enabled=True)
    assert (await change(world, provider, enabled=True)).enabled
