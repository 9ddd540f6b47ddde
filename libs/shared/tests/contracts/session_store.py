"""What every session store promises."""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from contracts.support import NOW, SECOND, Unreachable, at_once, crowd, new_id, new_user
from paseport_shared.domain.errors import AlreadyExists, Unavailable
from paseport_shared.domain.models.linked_identity import UpstreamSession
from paseport_shared.domain.models.session import Session, SessionPolicy
from paseport_shared.domain.ports.session_store import SessionStore

IDLE = timedelta(hours=1)
MAX = timedelta(days=1)
PROVIDER = new_user()


def signed_in(user_id: UUID | None = None, at: datetime = NOW, upstream: UpstreamSession | None = None) -> Session:
    """A session of a user who signs in at ``at``, perhaps through a provider."""
    return Session(
        id=new_id(),
        secret_hash=secrets.token_bytes(32),
        user_id=user_id or new_user(),
        created_at=at,
        auth_time=at - SECOND,
        last_seen_at=at,
        expires_at=at + MAX,
        amr=("pwd", "otp"),
        user_agent="Mozilla/5.0 – ünïcode",
        address="2001:db8::1",
        upstream=upstream,
    )


def upstream_session(session_id: str | None, namespace: str = "https://id.example.com") -> UpstreamSession:
    """A session at a provider."""
    return UpstreamSession(PROVIDER, namespace, "somebody – ünïcode", session_id)


class SessionStoreContract:
    """The adapter's file supplies the fixtures ``store``, which keeps ``policy``, and ``unreachable``."""

    @pytest.fixture
    def policy(self) -> SessionPolicy:
        return SessionPolicy(idle=IDLE, max_lifetime=MAX)

    # --- finding --------------------------------------------------------------------------------------------------

    async def test_a_browser_finds_its_session_exactly_as_it_was_created(self, store: SessionStore) -> None:
        session = signed_in()
        await store.create(session)

        assert await store.find(session.id, NOW) == session

    async def test_a_session_without_user_agent_and_address_is_kept_as_such(self, store: SessionStore) -> None:
        bare = Session(new_id(), b"\x00" * 32, new_user(), NOW, NOW, NOW, NOW + MAX, (), None, None)
        await store.create(bare)

        assert await store.find(bare.id, NOW) == bare

    @pytest.mark.parametrize("session_id", ["08a5019c-17e1-4977-8f42-65a12843ea02", None])
    async def test_a_session_knows_the_one_at_a_provider_that_it_came_out_of(
        self, store: SessionStore, session_id: str | None
    ) -> None:
        session = signed_in(upstream=upstream_session(session_id))
        await store.create(session)

        assert await store.find(session.id, NOW) == session
        assert await store.list_for_user(session.user_id, NOW) == (session,)
        assert await store.end(session.id) == session

    async def test_an_unknown_id_finds_nothing(self, store: SessionStore) -> None:
        assert await store.find(new_id(), NOW) is None

    async def test_an_id_is_given_once(self, store: SessionStore) -> None:
        first = signed_in()
        await store.create(first)
        impostor = Session(first.id, b"\x01" * 32, new_user(), NOW, NOW, NOW, NOW + MAX, (), None, None)

        with pytest.raises(AlreadyExists):
            await store.create(impostor)

        assert await store.find(first.id, NOW) == first
        assert await store.list_for_user(impostor.user_id, NOW) == ()

    # --- expiry ---------------------------------------------------------------------------------------------------

    async def test_a_browser_that_stays_away_too_long_has_no_session(self, store: SessionStore) -> None:
        session = signed_in()
        await store.create(session)

        assert await store.find(session.id, NOW + IDLE - SECOND) is not None
        assert await store.find(session.id, NOW + IDLE) is None
        assert await store.list_for_user(session.user_id, NOW + IDLE) == ()

    async def test_using_a_session_starts_its_idle_time_anew(self, store: SessionStore) -> None:
        session = signed_in()
        await store.create(session)
        used_at = NOW + IDLE - SECOND

        assert await store.touch(session.id, used_at) is True

        found = await store.find(session.id, used_at + IDLE - SECOND)
        assert found is not None
        assert found.last_seen_at == used_at
        assert await store.find(session.id, used_at + IDLE) is None

    async def test_the_absolute_end_does_not_slide(self, store: SessionStore) -> None:
        session = signed_in()
        await store.create(session)
        at = NOW
        while (at := at + IDLE / 2) < session.expires_at:
            assert await store.touch(session.id, at) is True

        assert await store.find(session.id, session.expires_at - SECOND) is not None
        assert await store.find(session.id, session.expires_at) is None
        assert await store.touch(session.id, session.expires_at) is False

    async def test_touching_changes_nothing_but_when_it_was_seen(self, store: SessionStore) -> None:
        session = signed_in()
        await store.create(session)

        await store.touch(session.id, NOW + SECOND)

        found = await store.find(session.id, NOW + SECOND)
        assert found is not None
        assert (found.secret_hash, found.created_at, found.auth_time, found.expires_at) == (
            session.secret_hash,
            session.created_at,
            session.auth_time,
            session.expires_at,
        )

    async def test_a_late_request_does_not_turn_last_seen_back(self, store: SessionStore) -> None:
        session = signed_in()
        await store.create(session)
        await store.touch(session.id, NOW + 10 * SECOND)

        assert await store.touch(session.id, NOW + SECOND) is True

        found = await store.find(session.id, NOW + 10 * SECOND)
        assert found is not None
        assert found.last_seen_at == NOW + 10 * SECOND

    async def test_a_session_that_is_over_is_not_brought_back_by_a_request(self, store: SessionStore) -> None:
        ended, idle = signed_in(), signed_in()
        await store.create(ended)
        await store.create(idle)
        await store.end(ended.id)

        assert await store.touch(ended.id, NOW) is False
        assert await store.touch(idle.id, NOW + IDLE) is False
        assert await store.touch(new_id(), NOW) is False

        assert await store.find(ended.id, NOW) is None
        assert await store.find(idle.id, NOW + IDLE) is None

    # --- ending ---------------------------------------------------------------------------------------------------

    async def test_signing_out_ends_this_session_and_no_other_of_the_user(self, store: SessionStore) -> None:
        user = new_user()
        phone, laptop = signed_in(user), signed_in(user)
        await store.create(phone)
        await store.create(laptop)

        assert await store.end(phone.id) == phone

        assert await store.find(phone.id, NOW) is None
        assert await store.list_for_user(user, NOW) == (laptop,)

    async def test_ending_what_is_not_there_answers_none(self, store: SessionStore) -> None:
        session = signed_in()
        await store.create(session)
        await store.end(session.id)

        assert await store.end(session.id) is None
        assert await store.end(new_id()) is None

    async def test_of_a_crowd_that_signs_out_at_once_one_ends_the_session(self, store: SessionStore) -> None:
        session = signed_in()
        await store.create(session)

        answers = await crowd(lambda: store.end(session.id))

        assert [answer for answer in answers if answer is not None] == [session]

    async def test_signing_out_everywhere_ends_all_of_the_user_and_nobody_elses(self, store: SessionStore) -> None:
        user = new_user()
        mine = [signed_in(user) for _ in range(3)]
        someone_elses = signed_in()
        for session in (*mine, someone_elses):
            await store.create(session)

        ended = await store.end_all(user)

        assert {session.id for session in ended} == {session.id for session in mine}
        assert await store.list_for_user(user, NOW) == ()
        assert [await store.find(session.id, NOW) for session in mine] == [None] * 3
        assert await store.find(someone_elses.id, NOW) == someone_elses
        assert await store.end_all(user) == ()

    async def test_requests_in_flight_do_not_survive_signing_out_everywhere(self, store: SessionStore) -> None:
        user = new_user()
        mine = [signed_in(user) for _ in range(10)]
        for session in mine:
            await store.create(session)

        await at_once(
            [
                *(store.touch(session.id, NOW + SECOND) for session in mine),
                store.end_all(user),
                *(store.touch(session.id, NOW + SECOND) for session in mine),
            ]
        )

        assert await store.list_for_user(user, NOW + SECOND) == ()
        assert [await store.find(session.id, NOW + SECOND) for session in mine] == [None] * 10

    # --- listing --------------------------------------------------------------------------------------------------

    async def test_a_user_sees_their_live_sessions_the_most_recently_used_first(self, store: SessionStore) -> None:
        user = new_user()
        old, idle, recent = signed_in(user), signed_in(user), signed_in(user)
        for session in (old, idle, recent, signed_in()):
            await store.create(session)
        await store.touch(old.id, NOW + 2 * SECOND)
        await store.touch(recent.id, NOW + 3 * SECOND)

        listed = await store.list_for_user(user, NOW + IDLE + SECOND)

        assert [session.id for session in listed] == [recent.id, old.id]

    async def test_a_user_who_never_signed_in_has_no_sessions(self, store: SessionStore) -> None:
        assert await store.list_for_user(new_user(), NOW) == ()
        assert await store.end_all(new_user()) == ()

    # --- what came out of a session at a provider -----------------------------------------------------------------

    async def test_a_provider_finds_what_came_out_of_its_session_the_most_recently_used_first(
        self, store: SessionStore
    ) -> None:
        """OpenID Connect Back-Channel Logout §2.7: one session there may have led to several here, of several users."""
        sid = new_id()
        old, idle, recent = (signed_in(upstream=upstream_session(sid)) for _ in range(3))
        others = (
            signed_in(),
            signed_in(upstream=upstream_session(None)),
            signed_in(upstream=upstream_session(new_id())),
            signed_in(upstream=upstream_session(sid, "https://another.example.com")),
        )
        for session in (old, idle, recent, *others):
            await store.create(session)
        await store.touch(old.id, NOW + 2 * SECOND)
        await store.touch(recent.id, NOW + 3 * SECOND)

        listed = await store.list_for_upstream("https://id.example.com", sid, NOW + IDLE + SECOND)

        assert [session.id for session in listed] == [recent.id, old.id]
        assert listed[0].upstream == upstream_session(sid)

    async def test_what_was_signed_out_is_not_found_by_its_provider_any_more(self, store: SessionStore) -> None:
        sid, user = new_id(), new_user()
        first, second, third = (signed_in(user, upstream=upstream_session(sid)) for _ in range(3))
        someone_elses = signed_in(upstream=upstream_session(sid))
        for session in (first, second, third, someone_elses):
            await store.create(session)

        await store.end(first.id)
        left = await store.list_for_upstream("https://id.example.com", sid, NOW)
        assert {session.id for session in left} == {second.id, third.id, someone_elses.id}

        await store.end_all(user)
        assert await store.list_for_upstream("https://id.example.com", sid, NOW) == (someone_elses,)

    async def test_a_provider_finds_a_session_until_its_absolute_end_whatever_came_after_it(
        self, store: SessionStore
    ) -> None:
        sid = new_id()
        long, short = (signed_in(upstream=upstream_session(sid)) for _ in range(2))
        short = replace(short, expires_at=NOW + SECOND)
        await store.create(long)
        await store.create(short)
        at = NOW
        while (at := at + IDLE / 2) < long.expires_at:
            await store.touch(long.id, at)
        late = signed_in(at=at - SECOND, upstream=upstream_session(sid))
        await store.create(late)

        before = await store.list_for_upstream("https://id.example.com", sid, long.expires_at - SECOND)
        after = await store.list_for_upstream("https://id.example.com", sid, long.expires_at)

        assert {session.id for session in before} == {long.id, late.id}
        assert [session.id for session in after] == [late.id]

    async def test_an_impostor_of_a_session_takes_it_from_no_provider_and_to_none(self, store: SessionStore) -> None:
        theirs, other = new_id(), new_id()
        first = signed_in(upstream=upstream_session(theirs))
        await store.create(first)
        for user in (first.user_id, new_user()):
            for upstream in (upstream_session(theirs), upstream_session(other)):
                with pytest.raises(AlreadyExists):
                    await store.create(replace(signed_in(user, upstream=upstream), id=first.id))

        assert await store.list_for_upstream("https://id.example.com", theirs, NOW) == (first,)
        assert await store.list_for_upstream("https://id.example.com", other, NOW) == ()

    @pytest.mark.parametrize(
        ("namespace", "session_id"),
        [
            ("https://id.example.com", ""),
            ("https://id.example.coma", "bc"),
            ("https://id.example.com", "abc "),
            ("https://id.example.com", "ABC"),
            ("https://id.example.com", "s" * 100_000),
            ("https://id.example.com", chr(0xD800)),
            (chr(0xD800), "abc"),
            ("", "https://id.example.comabc"),
        ],
    )
    async def test_any_text_may_be_asked_for_and_names_only_itself(
        self, store: SessionStore, namespace: str, session_id: str
    ) -> None:
        """The text is a logout token's, from whoever holds the provider's key."""
        await store.create(signed_in(upstream=upstream_session("abc")))

        assert await store.list_for_upstream(namespace, session_id, NOW) == ()

    # --- outage ---------------------------------------------------------------------------------------------------

    async def test_an_unreachable_store_answers_unavailable_and_never_that_there_is_no_session(
        self, store: SessionStore, unreachable: Unreachable
    ) -> None:
        session, late = signed_in(upstream=upstream_session(new_id())), signed_in()
        await store.create(session)

        async with unreachable:
            for call in (
                lambda: store.create(late),
                lambda: store.create(signed_in(upstream=upstream_session(new_id()))),
                lambda: store.list_for_upstream("https://id.example.com", "a session", NOW),
                lambda: store.find(session.id, NOW),
                lambda: store.touch(session.id, NOW + SECOND),
                lambda: store.end(session.id),
                lambda: store.list_for_user(session.user_id, NOW),
                lambda: store.end_all(session.user_id),
            ):
                with pytest.raises(Unavailable):
                    await call()

        assert await store.find(session.id, NOW) == session
        assert await store.find(late.id, NOW) is None
