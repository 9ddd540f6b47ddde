"""What every store of refresh token families promises.

Every caller here presents genuine tokens: the MAC was checked before the store is asked (``RefreshTokenKey.fits``).
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from contracts.support import CROWD, NOW, SECOND, Unreachable, crowd, new_id, new_user
from paseport.secret import Secret
from paseport_shared.domain.errors import AlreadyExists, Unavailable
from paseport_shared.domain.models.refresh_token import (
    SPENT_KEPT,
    Advance,
    RefreshFamily,
    RefreshPolicy,
    Rotation,
    Spent,
)
from paseport_shared.domain.ports.refresh_token_store import RefreshTokenStore

GRACE = 10 * SECOND
INSTANT = timedelta(milliseconds=1)
POLICY = RefreshPolicy(grace=GRACE, idle=timedelta(days=14), max_lifetime=timedelta(days=90))
NO_GRACE = replace(POLICY, grace=timedelta(0))

MakeStore = Callable[[RefreshPolicy], RefreshTokenStore]
"""What the adapter's file supplies as fixture ``store_with``: a store that keeps this policy."""
LoseIndex = Callable[[RefreshTokenStore, UUID], Awaitable[None]]
"""What it supplies as ``lose_index``: the user's index is gone, the families are still there."""
LoseFamily = Callable[[RefreshTokenStore, str], Awaitable[None]]
"""What it supplies as ``lose_family``: the family is gone, the user's index still names it."""


def a_family(
    user_id: UUID | None = None,
    *,
    session_id: str | None = None,
    offline: bool = False,
    client_id: str = "bff",
    at: datetime = NOW,
) -> RefreshFamily:
    """A family opened at ``at``; online in a session of its own unless told otherwise."""
    return RefreshFamily(
        id=new_id(),
        user_id=user_id or new_user(),
        user_version=3,
        session_id=None if offline else session_id or new_id(),
        client_id=client_id,
        key=Secret(secrets.token_bytes(32)),
        scope=("openid", "roles"),
        audience="https://auth.example.com/api",
        auth_time=at - SECOND,
        amr=("pwd", "otp"),
        generation=0,
        spent=(),
        unconfirmed=False,
        opened_at=at,
        advanced_at=at,
        expires_at=at + POLICY.max_lifetime,
    )


async def opened(store: RefreshTokenStore, user_id: UUID | None = None) -> RefreshFamily:
    """A family that was just opened at ``NOW``."""
    family = a_family(user_id)
    await store.open_family(family)
    return family


async def rotated(store: RefreshTokenStore, family: RefreshFamily, *, times: int, at: datetime = NOW) -> None:
    """Its client refreshes ``times`` times, all at ``at``."""
    for generation in range(times):
        assert await store.advance(family.id, generation, at) == Advance(Rotation.ROTATE, generation + 1)


class RefreshTokenStoreContract:
    """The adapter's file supplies the fixtures ``store_with``, ``lose_index``, ``lose_family`` and ``unreachable``."""

    @pytest.fixture
    def store(self, store_with: MakeStore) -> RefreshTokenStore:
        return store_with(POLICY)

    # --- opening and finding --------------------------------------------------------------------------------------

    @pytest.mark.parametrize("offline", [False, True])
    async def test_a_family_is_found_exactly_as_it_was_opened(self, store: RefreshTokenStore, offline: bool) -> None:
        family = a_family(offline=offline)
        await store.open_family(family)

        assert await store.find_family(family.id, NOW) == family

    async def test_a_family_without_scope_and_amr_is_kept_as_such(self, store: RefreshTokenStore) -> None:
        bare = replace(a_family(), scope=(), amr=())
        await store.open_family(bare)

        assert await store.find_family(bare.id, NOW) == bare

    async def test_an_unknown_id_finds_nothing(self, store: RefreshTokenStore) -> None:
        assert await store.find_family(new_id(), NOW) is None

    async def test_an_id_is_given_once(self, store: RefreshTokenStore) -> None:
        family = await opened(store)
        impostor = replace(a_family(), id=family.id)

        with pytest.raises(AlreadyExists):
            await store.open_family(impostor)

        assert await store.find_family(family.id, NOW) == family
        assert await store.list_for_user(impostor.user_id, NOW) == ()

    # --- one client, one request at a time ------------------------------------------------------------------------

    async def test_a_client_that_presents_the_live_generation_gets_its_successor(
        self, store: RefreshTokenStore
    ) -> None:
        family = await opened(store)

        advance = await store.advance(family.id, 0, NOW + SECOND)

        assert advance == Advance(Rotation.ROTATE, 1)
        assert await store.find_family(family.id, NOW + SECOND) == replace(
            family, generation=1, spent=(Spent(0, NOW + SECOND),), advanced_at=NOW + SECOND
        )

    async def test_a_client_may_refresh_for_ever_and_the_record_stays_small(self, store: RefreshTokenStore) -> None:
        family = await opened(store)

        for generation in range(40):
            advance = await store.advance(family.id, generation, NOW + generation * 60 * SECOND)
            assert advance == Advance(Rotation.ROTATE, generation + 1)

        found = await store.find_family(family.id, NOW + 40 * 60 * SECOND)
        assert found is not None
        assert found.generation == 40
        assert [spent.generation for spent in found.spent] == list(range(40 - SPENT_KEPT, 40))

    async def test_a_client_whose_answer_was_lost_gets_the_same_successor_within_grace(
        self, store: RefreshTokenStore
    ) -> None:
        """TE-13."""
        family = await opened(store)
        await store.advance(family.id, 0, NOW)

        retries = [await store.advance(family.id, 0, NOW + wait) for wait in (INSTANT, GRACE / 2, GRACE)]

        assert retries == [Advance(Rotation.REPLAY, 1)] * 3
        assert await store.advance(family.id, 1, NOW + GRACE) == Advance(Rotation.ROTATE, 2)

    async def test_a_replay_changes_nothing(self, store: RefreshTokenStore) -> None:
        family = await opened(store)
        await store.advance(family.id, 0, NOW)
        before = await store.find_family(family.id, NOW)

        await store.advance(family.id, 0, NOW + SECOND)

        assert await store.find_family(family.id, NOW + SECOND) == before

    async def test_replays_do_not_prolong_the_grace(self, store: RefreshTokenStore) -> None:
        family = await opened(store)
        await store.advance(family.id, 0, NOW)
        await store.advance(family.id, 0, NOW + GRACE)

        assert await store.advance(family.id, 0, NOW + GRACE + INSTANT) == Advance(Rotation.REUSE)

    # --- somebody holds a copy ------------------------------------------------------------------------------------

    async def test_the_predecessor_after_grace_kills_its_family(self, store: RefreshTokenStore) -> None:
        """TE-11."""
        family = await opened(store)
        await store.advance(family.id, 0, NOW)
        late = NOW + GRACE + INSTANT

        assert await store.advance(family.id, 0, late) == Advance(Rotation.REUSE)

        assert await store.find_family(family.id, late) is None
        assert await store.advance(family.id, 1, late) == Advance(Rotation.GONE)

    async def test_a_generations_old_token_kills_its_family_and_nothing_else(self, store: RefreshTokenStore) -> None:
        """TE-11."""
        user = new_user()
        stolen, phone = await opened(store, user), await opened(store, user)
        someone_elses = await opened(store)
        await rotated(store, stolen, times=5)
        late = NOW + GRACE + INSTANT

        assert await store.advance(stolen.id, 2, late) == Advance(Rotation.REUSE)

        assert await store.find_family(stolen.id, late) is None
        assert await store.list_for_user(user, late) == (phone,)
        assert await store.find_family(someone_elses.id, late) == someone_elses

    async def test_a_generation_too_old_to_be_remembered_kills_its_family(self, store: RefreshTokenStore) -> None:
        family = await opened(store)
        await rotated(store, family, times=SPENT_KEPT + 1)

        assert await store.advance(family.id, 0, NOW) == Advance(Rotation.REUSE)

        assert await store.find_family(family.id, NOW) is None

    @pytest.mark.parametrize("ahead", [1, 2, 1000])
    async def test_a_generation_above_the_live_one_is_where_the_family_goes_on(
        self, store: RefreshTokenStore, ahead: int
    ) -> None:
        """The store lost writes that it had acknowledged: whoever holds the newest token is not signed out by it."""
        family = await opened(store)

        assert await store.advance(family.id, ahead, NOW) == Advance(Rotation.RECOVER, ahead + 1)

        assert await store.advance(family.id, ahead, NOW + GRACE) == Advance(Rotation.REPLAY, ahead + 1)
        assert await store.advance(family.id, ahead + 1, NOW + GRACE) == Advance(Rotation.ROTATE, ahead + 2)

    @pytest.mark.parametrize("below", [0, 2, 3])
    async def test_what_was_spent_before_the_loss_stays_spent_after_it(
        self, store: RefreshTokenStore, below: int
    ) -> None:
        """FT-03: those below were spent, the store's live one (2) and the one it forgot (3) among them."""
        family = await opened(store)
        await rotated(store, family, times=2)
        late = NOW + GRACE + INSTANT
        assert await store.advance(family.id, 4, late) == Advance(Rotation.RECOVER, 5)

        assert await store.advance(family.id, below, late) == Advance(Rotation.REUSE)

        assert await store.find_family(family.id, late) is None

    async def test_a_dead_family_stays_dead_for_every_generation(self, store: RefreshTokenStore) -> None:
        family = await opened(store)
        await rotated(store, family, times=3)
        await store.revoke_family(family.id)

        answers = [await store.advance(family.id, generation, NOW) for generation in range(5)]

        assert answers == [Advance(Rotation.GONE)] * 5

    async def test_an_unknown_family_is_gone(self, store: RefreshTokenStore) -> None:
        assert await store.advance(new_id(), 0, NOW) == Advance(Rotation.GONE)

    # --- slow copies of honest requests ---------------------------------------------------------------------------

    async def test_an_older_generation_spent_within_grace_is_late_and_nothing_dies(
        self, store: RefreshTokenStore
    ) -> None:
        """TE-11: s0 → s1 → s2 while a copy of the request with s0 is still in flight."""
        family = await opened(store)
        await rotated(store, family, times=2)
        before = await store.find_family(family.id, NOW)

        assert await store.advance(family.id, 0, NOW + GRACE) == Advance(Rotation.LATE)

        assert await store.find_family(family.id, NOW + GRACE) == before
        assert await store.advance(family.id, 2, NOW + GRACE) == Advance(Rotation.ROTATE, 3)

    async def test_each_generation_has_a_grace_of_its_own(self, store: RefreshTokenStore) -> None:
        family = await opened(store)
        await store.advance(family.id, 0, NOW)
        await store.advance(family.id, 1, NOW + GRACE)
        await store.advance(family.id, 2, NOW + GRACE)

        assert await store.advance(family.id, 1, NOW + 2 * GRACE) == Advance(Rotation.LATE)
        assert await store.advance(family.id, 0, NOW + 2 * GRACE) == Advance(Rotation.REUSE)

    # --- many callers at once -------------------------------------------------------------------------------------

    async def test_of_a_crowd_with_one_token_one_rotates_and_all_get_the_same_successor(
        self, store: RefreshTokenStore
    ) -> None:
        """TE-12."""
        family = await opened(store)

        advances = await crowd(lambda: store.advance(family.id, 0, NOW))

        assert sorted(advance.rotation.value for advance in advances) == ["replay"] * (CROWD - 1) + ["rotate"]
        assert {advance.generation for advance in advances} == {1}
        found = await store.find_family(family.id, NOW)
        assert found is not None
        assert found.generation == 1

    async def test_crowds_that_follow_one_another_never_see_two_live_successors(self, store: RefreshTokenStore) -> None:
        """TE-12."""
        family = await opened(store)

        for generation in range(20):
            advances = await asyncio.gather(*(store.advance(family.id, generation, NOW) for _ in range(CROWD)))
            assert [advance.rotation for advance in advances].count(Rotation.ROTATE) == 1
            assert {advance.generation for advance in advances} == {generation + 1}

    async def test_without_grace_one_of_the_crowd_succeeds_and_the_rest_kill_the_family(
        self, store_with: MakeStore
    ) -> None:
        """TE-12."""
        store = store_with(NO_GRACE)
        family = await opened(store)

        advances = await crowd(lambda: store.advance(family.id, 0, NOW))

        rotations = [advance.rotation for advance in advances]
        assert (rotations.count(Rotation.ROTATE), rotations.count(Rotation.REUSE)) == (1, 1)
        assert rotations.count(Rotation.GONE) == CROWD - 2
        assert await store.find_family(family.id, NOW) is None

    async def test_without_grace_a_client_that_never_repeats_itself_stays_signed_in(
        self, store_with: MakeStore
    ) -> None:
        store = store_with(NO_GRACE)
        family = await opened(store)

        await rotated(store, family, times=20)

        assert await store.find_family(family.id, NOW) is not None

    async def test_chains_with_older_tokens_in_flight_end_in_one_successor_and_kill_nothing(
        self, store: RefreshTokenStore
    ) -> None:
        """TE-11, TE-12: several tabs at different points of s0 → s1 → s2, all at once."""
        family = await opened(store)

        async def tab() -> list[Advance]:
            answers = []
            generation = 0
            while generation < 3:
                advance = await store.advance(family.id, generation, NOW)
                answers.append(advance)
                # Late answers carry no token; the tab reads what a faster one put into the shared cookie.
                generation = advance.generation if advance.rotation is not Rotation.LATE else generation + 1
            return answers

        answers = [advance for of_tab in await crowd(tab) for advance in of_tab]

        rotations = [advance.rotation for advance in answers]
        assert rotations.count(Rotation.ROTATE) == 3
        assert set(rotations) <= {Rotation.ROTATE, Rotation.REPLAY, Rotation.LATE}
        found = await store.find_family(family.id, NOW)
        assert found is not None
        assert found.generation == 3

    async def test_a_refresh_in_flight_does_not_survive_a_revocation(self, store: RefreshTokenStore) -> None:
        family = await opened(store)

        await asyncio.gather(
            *(store.advance(family.id, 0, NOW) for _ in range(CROWD)),
            store.revoke_family(family.id),
            *(store.advance(family.id, 0, NOW) for _ in range(CROWD)),
        )

        assert await store.find_family(family.id, NOW) is None
        assert await store.list_for_user(family.user_id, NOW) == ()

    async def test_families_of_a_crowd_do_not_meet(self, store: RefreshTokenStore) -> None:
        user = new_user()
        families = [await opened(store, user) for _ in range(CROWD)]

        advances = await asyncio.gather(*(store.advance(family.id, 0, NOW) for family in families))

        assert advances == [Advance(Rotation.ROTATE, 1)] * CROWD
        assert len(await store.list_for_user(user, NOW)) == CROWD

    # --- expiry ---------------------------------------------------------------------------------------------------

    async def test_a_client_that_stays_away_too_long_has_to_sign_in_again(self, store: RefreshTokenStore) -> None:
        family = await opened(store)
        end = NOW + POLICY.idle

        assert await store.find_family(family.id, end - SECOND) is not None
        assert await store.find_family(family.id, end) is None
        assert await store.list_for_user(family.user_id, end) == ()
        assert await store.advance(family.id, 0, end) == Advance(Rotation.GONE)

    async def test_refreshing_starts_the_idle_time_anew(self, store: RefreshTokenStore) -> None:
        family = await opened(store)
        used_at = NOW + POLICY.idle - SECOND
        await store.advance(family.id, 0, used_at)

        assert await store.find_family(family.id, used_at + POLICY.idle - SECOND) is not None
        assert await store.find_family(family.id, used_at + POLICY.idle) is None

    async def test_the_absolute_end_comes_even_for_a_token_used_a_second_ago(self, store: RefreshTokenStore) -> None:
        """TE-16."""
        family = await opened(store)
        generation, at = 0, NOW
        while at + POLICY.idle < family.expires_at:
            at += POLICY.idle - SECOND
            await store.advance(family.id, generation, at)
            generation += 1
        last = family.expires_at - SECOND
        assert await store.advance(family.id, generation, last) == Advance(Rotation.ROTATE, generation + 1)

        assert await store.advance(family.id, generation + 1, family.expires_at) == Advance(Rotation.GONE)
        assert await store.advance(family.id, generation, family.expires_at) == Advance(Rotation.GONE)
        assert await store.find_family(family.id, family.expires_at) is None

    # --- listing and revoking -------------------------------------------------------------------------------------

    async def test_a_user_sees_their_live_families_the_most_recently_advanced_first(
        self, store: RefreshTokenStore
    ) -> None:
        user = new_user()
        first, idle, last = [await opened(store, user) for _ in range(3)]
        await opened(store)
        await store.advance(last.id, 0, NOW + 2 * SECOND)
        await store.advance(first.id, 0, NOW + SECOND)

        listed = await store.list_for_user(user, NOW + POLICY.idle)

        assert [family.id for family in listed] == [last.id, first.id]
        assert idle.id not in {family.id for family in listed}

    async def test_a_user_without_families_has_none_to_list_or_revoke(self, store: RefreshTokenStore) -> None:
        assert await store.list_for_user(new_user(), NOW) == ()
        assert await store.revoke_all(new_user()) == ()
        assert await store.revoke_session(new_user(), new_id()) == ()

    async def test_a_sign_in_on_a_second_device_leaves_the_first_one_signed_in(self, store: RefreshTokenStore) -> None:
        """TE-17."""
        user = new_user()
        phone = await opened(store, user)

        await opened(store, user)

        assert await store.advance(phone.id, 0, NOW) == Advance(Rotation.ROTATE, 1)

    async def test_revoking_a_family_removes_it_and_answers_its_last_state(self, store: RefreshTokenStore) -> None:
        user = new_user()
        family, other = await opened(store, user), await opened(store, user)
        await store.advance(family.id, 0, NOW)
        last = await store.find_family(family.id, NOW)

        assert await store.revoke_family(family.id) == last

        assert await store.find_family(family.id, NOW) is None
        assert await store.list_for_user(user, NOW) == (other,)
        assert await store.revoke_family(family.id) is None
        assert await store.revoke_family(new_id()) is None

    async def test_of_a_crowd_that_revokes_a_family_at_once_one_gets_it(self, store: RefreshTokenStore) -> None:
        family = await opened(store)

        answers = await crowd(lambda: store.revoke_family(family.id))

        assert [answer for answer in answers if answer is not None] == [family]

    async def test_signing_out_of_a_session_ends_its_online_families_only(self, store: RefreshTokenStore) -> None:
        user, session = new_user(), new_id()
        app = a_family(user, session_id=session)
        reports = a_family(user, session_id=session, client_id="reports")
        mobile = a_family(user, offline=True, client_id="mobile")
        laptop = a_family(user)
        for family in (app, reports, mobile, laptop):
            await store.open_family(family)

        revoked = await store.revoke_session(user, session)

        assert {family.id for family in revoked} == {app.id, reports.id}
        assert {family.id for family in await store.list_for_user(user, NOW)} == {mobile.id, laptop.id}
        assert await store.advance(app.id, 0, NOW) == Advance(Rotation.GONE)
        assert await store.revoke_session(user, session) == ()

    async def test_nobody_ends_the_session_of_another_user(self, store: RefreshTokenStore) -> None:
        family = await opened(store)
        assert family.session_id is not None

        assert await store.revoke_session(new_user(), family.session_id) == ()

        assert await store.find_family(family.id, NOW) == family

    async def test_ending_what_a_client_has_ends_all_of_it_and_nothing_of_others(
        self, store: RefreshTokenStore
    ) -> None:
        """TE-15: a consent is withdrawn in every session and on every device."""
        user = new_user()
        here, there = a_family(user, client_id="shop"), a_family(user, client_id="shop")
        device = a_family(user, offline=True, client_id="shop")
        app = a_family(user)
        someone_elses = a_family(new_user(), client_id="shop")
        for family in (here, there, device, app, someone_elses):
            await store.open_family(family)

        revoked = await store.revoke_client(user, "shop")

        assert {family.id for family in revoked} == {here.id, there.id, device.id}
        assert await store.advance(device.id, 0, NOW) == Advance(Rotation.GONE)
        assert [family.id for family in await store.list_for_user(user, NOW)] == [app.id]
        assert await store.find_family(someone_elses.id, NOW) == someone_elses
        assert await store.revoke_client(user, "shop") == ()

    async def test_signing_out_everywhere_ends_all_families_of_the_user_and_nobody_elses(
        self, store: RefreshTokenStore
    ) -> None:
        """TE-15, TE-17."""
        user = new_user()
        mine = [a_family(user), a_family(user), a_family(user, offline=True)]
        someone_elses = await opened(store)
        for family in mine:
            await store.open_family(family)

        revoked = await store.revoke_all(user)

        assert {family.id for family in revoked} == {family.id for family in mine}
        assert [await store.advance(family.id, 0, NOW) for family in mine] == [Advance(Rotation.GONE)] * 3
        assert await store.list_for_user(user, NOW) == ()
        assert await store.find_family(someone_elses.id, NOW) == someone_elses

    async def test_of_a_crowd_that_signs_out_everywhere_each_family_is_handed_out_once(
        self, store: RefreshTokenStore
    ) -> None:
        user = new_user()
        mine = [await opened(store, user) for _ in range(5)]

        answers = await crowd(lambda: store.revoke_all(user))

        handed_out = [family.id for answer in answers for family in answer]
        assert sorted(handed_out) == sorted(family.id for family in mine)

    # --- a damaged store ------------------------------------------------------------------------------------------

    async def test_a_family_that_its_users_index_does_not_list_is_revoked(
        self, store: RefreshTokenStore, lose_index: LoseIndex
    ) -> None:
        """TE-18: signing out everywhere could not reach it."""
        found, advanced = await opened(store), await opened(store)
        for family in (found, advanced):
            await lose_index(store, family.user_id)

        assert await store.find_family(found.id, NOW) is None
        assert await store.advance(advanced.id, 0, NOW) == Advance(Rotation.GONE)

    async def test_an_unlisted_family_is_removed_and_does_not_come_back_with_the_index(
        self, store: RefreshTokenStore, lose_index: LoseIndex
    ) -> None:
        """TE-18."""
        user = new_user()
        lost = await opened(store, user)
        await lose_index(store, user)
        later = await opened(store, user)

        assert await store.find_family(lost.id, NOW) is None

        assert await store.revoke_family(lost.id) is None
        assert await store.list_for_user(user, NOW) == (later,)

    async def test_an_index_that_names_a_lost_family_is_cleaned(
        self, store: RefreshTokenStore, lose_family: LoseFamily
    ) -> None:
        """TE-18."""
        user = new_user()
        lost, kept = await opened(store, user), await opened(store, user)
        await lose_family(store, lost.id)

        assert await store.list_for_user(user, NOW) == (kept,)
        assert await store.advance(lost.id, 0, NOW) == Advance(Rotation.GONE)
        assert await store.revoke_all(user) == (kept,)

    # --- outage ---------------------------------------------------------------------------------------------------

    async def test_an_unreachable_store_answers_unavailable_and_consumes_nothing(
        self, store: RefreshTokenStore, unreachable: Unreachable
    ) -> None:
        family = await opened(store)
        assert family.session_id is not None
        session_id, late = family.session_id, a_family()

        async with unreachable:
            for call in (
                lambda: store.open_family(late),
                lambda: store.find_family(family.id, NOW),
                lambda: store.advance(family.id, 0, NOW),
                lambda: store.revoke_family(family.id),
                lambda: store.list_for_user(family.user_id, NOW),
                lambda: store.revoke_session(family.user_id, session_id),
                lambda: store.revoke_client(family.user_id, family.client_id),
                lambda: store.revoke_all(family.user_id),
            ):
                with pytest.raises(Unavailable):
                    await call()

        assert await store.find_family(family.id, NOW) == family
        assert await store.find_family(late.id, NOW) is None
        assert await store.advance(family.id, 0, NOW) == Advance(Rotation.ROTATE, 1)
