from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from paseport.authenticate_bearer import AuthenticateBearer
from paseport.claims import Claims
from paseport.find_subject import FindSubject
from paseport.principal import Principal
from paseport.revocation import (
    FeedChange,
    FeedPosition,
    FeedSnapshot,
    Revocation,
    RevocationKind,
)
from paseport.revocation_list import STALE_AFTER_SECONDS, RevocationList
from paseport.subject import SubjectState
from paseport.token_cache import Kept
from paseport_shared.adapters.memory.clock import START, ManualClock
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.role_directory import MemoryRoleDirectory
from paseport_shared.domain.errors import AuthenticationRequired, InvalidToken, Unavailable

ALICE = uuid4()
CLAIMS = Claims(
    issuer="https://auth.example.com",
    subject=str(ALICE),
    audience="https://auth.example.com/api",
    expires_at=START + timedelta(minutes=5),
    not_before=START,
    issued_at=START,
    token_id="jti-1",
    client_id="bff",
    scope=("openid", "roles"),
    session_id="sid-1",
    family_id="fid-1",
    user_version=3,
    key_id="k4.pid.one",
)
MACHINE = replace(CLAIMS, subject="reports", session_id=None, family_id=None, user_version=None)
STATE = SubjectState(ALICE, "alice", frozenset({"Admin", "User"}), enabled=True, version=3, revision=8)


class KnownTokens:
    """A ``TokenVerifier`` that knows a few tokens by heart; its key document can be out of reach."""

    def __init__(self, tokens: dict[str, Claims], outage: MemoryOutage) -> None:
        self._tokens = tokens
        self._outage = outage

    def find(self, token: str) -> Kept | None:
        return None

    def is_good(self, kept: Kept) -> bool:
        return False

    async def verify(self, token: str) -> Claims:
        self._outage.check()
        claims = self._tokens.get(token)
        if claims is None:
            raise InvalidToken("unknown token")
        return claims


class Issuer:
    """A ``SubjectSource`` over the issuer's users, which remembers who asked for whom."""

    def __init__(self, states: dict[UUID, SubjectState], outage: MemoryOutage) -> None:
        self._states = states
        self._outage = outage
        self.asked_for: list[UUID] = []

    async def resolve(self, user_id: UUID) -> SubjectState | None:
        self.asked_for.append(user_id)
        self._outage.check()
        return self._states.get(user_id)


@dataclass
class Verifier:
    """A verifier with all it asks, each of which can be out of reach on its own."""

    tokens: dict[str, Claims] = field(default_factory=lambda: {"alice": CLAIMS, "machine": MACHINE})
    record: dict[UUID, SubjectState] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = ManualClock()
        self.keys_down, self.directory_down, self.issuer_down = MemoryOutage(), MemoryOutage(), MemoryOutage()
        self.revocations = RevocationList(self.clock)
        self.revocations.merge(FeedSnapshot(FeedPosition(1, 0), ()))
        self.directory = MemoryRoleDirectory(self.directory_down)
        self.issuer = Issuer(self.record, self.issuer_down)
        self.authenticate = AuthenticateBearer(
            KnownTokens(self.tokens, self.keys_down),
            self.revocations,
            FindSubject(self.directory, self.issuer, self.clock),
            self.clock,
        )

    def revoke(self, kind: RevocationKind, subject: str, min_version: int | None = None) -> None:
        revocation = Revocation(kind, subject, min_version, START, START + timedelta(minutes=5))
        self.revocations.apply((FeedChange(FeedPosition(1, 1), revocation),))


@pytest.fixture
def verifier() -> Verifier:
    return Verifier()


# --- who is let in ----------------------------------------------------------------------------------------------------


async def test_a_user_is_the_principal_with_the_roles_of_today(verifier: Verifier) -> None:
    await verifier.directory.put(STATE)

    assert await verifier.authenticate("alice") == Principal(CLAIMS, "alice", frozenset({"Admin", "User"}))


async def test_the_principal_has_the_address_and_the_name_that_are_known_of_the_user(verifier: Verifier) -> None:
    await verifier.directory.put(replace(STATE, email="alice@example.com", name="Alice"))

    principal = await verifier.authenticate("alice")

    assert (principal.email, principal.name) == ("alice@example.com", "Alice")
    assert "alice@example.com" not in repr(principal)


async def test_a_machine_has_neither_address_nor_name(verifier: Verifier) -> None:
    principal = await verifier.authenticate("machine")

    assert (principal.email, principal.name) == ("", "")


async def test_a_changed_role_is_in_force_with_the_same_token(verifier: Verifier) -> None:
    await verifier.directory.put(STATE)
    await verifier.authenticate("alice")
    await verifier.directory.put(replace(STATE, roles=frozenset({"User"}), revision=9))

    principal = await verifier.authenticate("alice")

    assert principal.roles == frozenset({"User"})


async def test_a_token_without_scope_roles_has_none_whoever_its_subject_is(verifier: Verifier) -> None:
    verifier.tokens["narrow"] = replace(CLAIMS, scope=("openid", "admin", "roles.read"))
    await verifier.directory.put(STATE)

    principal = await verifier.authenticate("narrow")

    assert (principal.username, principal.roles) == ("alice", frozenset())


async def test_a_machine_is_a_principal_without_name_and_roles(verifier: Verifier) -> None:
    with verifier.directory_down, verifier.issuer_down:
        principal = await verifier.authenticate("machine")

    assert principal == Principal(MACHINE, "", frozenset())
    assert principal.subject == "reports"
    assert verifier.issuer.asked_for == []


# --- who is refused ---------------------------------------------------------------------------------------------------


async def test_a_caller_without_token_is_asked_to_sign_in(verifier: Verifier) -> None:
    with pytest.raises(AuthenticationRequired):
        await verifier.authenticate(None)


@pytest.mark.parametrize("token", ["", "forged", "ALICE"])
async def test_a_forged_token_is_refused_before_anybody_is_asked(verifier: Verifier, token: str) -> None:
    """TK-02: the role directory is not read for a token that is not valid; it could not even answer."""
    with verifier.directory_down, verifier.issuer_down, pytest.raises(InvalidToken):
        await verifier.authenticate(token)

    assert verifier.issuer.asked_for == []


@pytest.mark.parametrize(
    ("kind", "subject", "min_version"),
    [
        (RevocationKind.TOKEN, "jti-1", None),
        (RevocationKind.FAMILY, "fid-1", None),
        (RevocationKind.SESSION, "sid-1", None),
        (RevocationKind.KEY, "k4.pid.one", None),
        pytest.param(RevocationKind.USER, str(ALICE), 4, id="RevocationKind.USER-alice-4"),
    ],
)
async def test_a_revoked_token_is_refused_before_the_directory_is_asked(
    verifier: Verifier, kind: RevocationKind, subject: str, min_version: int | None
) -> None:
    verifier.revoke(kind, subject, min_version)

    with verifier.directory_down, verifier.issuer_down, pytest.raises(InvalidToken):
        await verifier.authenticate("alice")


@pytest.mark.parametrize(
    "state",
    [
        replace(STATE, enabled=False),
        replace(STATE, enabled=False, roles=frozenset(), username=""),
        replace(STATE, version=4),
    ],
    ids=["disabled", "deleted", "newer version"],
)
async def test_a_users_token_dies_with_the_state_of_the_user(verifier: Verifier, state: SubjectState) -> None:
    await verifier.directory.put(state)

    with pytest.raises(InvalidToken):
        await verifier.authenticate("alice")


async def test_a_users_token_without_version_is_refused(verifier: Verifier) -> None:
    verifier.tokens["odd"] = replace(CLAIMS, user_version=None)
    await verifier.directory.put(STATE)

    with pytest.raises(InvalidToken):
        await verifier.authenticate("odd")


async def test_a_token_older_than_the_directorys_news_is_accepted(verifier: Verifier) -> None:
    """The directory lags behind the sign-in: version 3 in the token, 2 here."""
    await verifier.directory.put(replace(STATE, version=2))

    assert (await verifier.authenticate("alice")).username == "alice"


# --- subjects that the directory does not know ------------------------------------------------------------------------


async def test_a_miss_in_a_complete_directory_is_refused_without_asking(verifier: Verifier) -> None:
    verifier.record[ALICE] = STATE
    await verifier.directory.mark_complete()

    with pytest.raises(InvalidToken):
        await verifier.authenticate("alice")

    assert verifier.issuer.asked_for == []


async def test_a_miss_in_an_incomplete_directory_is_resolved_by_the_issuer(verifier: Verifier) -> None:
    verifier.record[ALICE] = STATE

    principal = await verifier.authenticate("alice")

    assert principal.roles == STATE.roles
    assert verifier.issuer.asked_for == [ALICE]


async def test_what_the_issuer_says_is_judged_like_the_directory(verifier: Verifier) -> None:
    verifier.record[ALICE] = replace(STATE, enabled=False)

    with pytest.raises(InvalidToken):
        await verifier.authenticate("alice")


async def test_a_subject_that_nobody_knows_is_refused(verifier: Verifier) -> None:
    with pytest.raises(InvalidToken):
        await verifier.authenticate("alice")


async def test_a_hit_is_not_asked_for_again(verifier: Verifier) -> None:
    await verifier.directory.put(STATE)

    await verifier.authenticate("alice")

    assert verifier.issuer.asked_for == []


# --- outages: refuse, never guess -------------------------------------------------------------------------------------


async def test_an_unreachable_key_document_is_unavailable(verifier: Verifier) -> None:
    await verifier.directory.put(STATE)

    with verifier.keys_down, pytest.raises(Unavailable):
        await verifier.authenticate("alice")


async def test_an_unreachable_directory_is_unavailable_and_never_an_empty_set_of_roles(verifier: Verifier) -> None:
    await verifier.directory.put(STATE)

    with verifier.directory_down, verifier.issuer_down, pytest.raises(Unavailable):
        await verifier.authenticate("alice")


async def test_a_miss_while_the_issuer_is_down_is_unavailable(verifier: Verifier) -> None:
    with verifier.issuer_down, pytest.raises(Unavailable):
        await verifier.authenticate("alice")


async def test_a_hit_needs_no_issuer(verifier: Verifier) -> None:
    await verifier.directory.put(STATE)

    with verifier.issuer_down:
        assert (await verifier.authenticate("alice")).username == "alice"


@pytest.mark.parametrize("token", ["alice", "machine"])
async def test_a_stale_revocation_feed_is_unavailable(verifier: Verifier, token: str) -> None:
    await verifier.directory.put(STATE)
    verifier.clock.advance(STALE_AFTER_SECONDS + 0.1)

    with pytest.raises(Unavailable):
        await verifier.authenticate(token)
