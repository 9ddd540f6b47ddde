"""What every ``PasswordHasher`` promises."""

import asyncio
from collections.abc import Callable

import pytest
from paseport.secret import Secret
from paseport_shared.domain.errors import Overloaded, Unavailable
from paseport_shared.domain.ports.password_hasher import PasswordCheck, PasswordHasher

PASSWORD = Secret("correct horse battery staple")
WRONG = Secret("correct horse battery stable")

UNREADABLE = [
    "",
    "{",
    "{}",
    "correct horse battery staple",
    "{plain}correct horse battery staple",
    "{no-such-scheme}$2b$04$abcdefghijklmnopqrstuu",
    "\0",
    "{" * 10_000,
]


class PasswordHasherContract:
    """The adapter's file supplies the fixtures ``hasher``; ``hashes_done``, which counts the slow hashes of a hasher;
    ``crowded_hasher``, which works on one hash at a time and lets one caller wait; and ``closed_hasher``."""

    async def test_a_user_who_types_the_right_password_is_recognised(self, hasher: PasswordHasher) -> None:
        stored = await hasher.hash(PASSWORD)

        assert await hasher.verify(PASSWORD, stored) is PasswordCheck.MATCH

    async def test_a_guesser_with_a_wrong_password_is_not(self, hasher: PasswordHasher) -> None:
        stored = await hasher.hash(PASSWORD)

        assert await hasher.verify(WRONG, stored) is PasswordCheck.MISMATCH

    async def test_a_stored_form_names_its_scheme_and_never_repeats(self, hasher: PasswordHasher) -> None:
        first, second = await hasher.hash(PASSWORD), await hasher.hash(PASSWORD)

        assert first.startswith("{")
        assert first != second
        assert PASSWORD.reveal() not in first

    async def test_a_guesser_learns_nothing_from_the_work_for_an_unknown_user(
        self, hasher: PasswordHasher, hashes_done: Callable[[PasswordHasher], int]
    ) -> None:
        """LG-01, LG-02: unknown, without password, wrong and right do the same work, one hash each."""
        stored = await hasher.hash(PASSWORD)
        work = []

        for password, form in [(PASSWORD, None), (WRONG, stored), (PASSWORD, stored)]:
            before = hashes_done(hasher)
            await hasher.verify(password, form)
            work.append(hashes_done(hasher) - before)

        assert work == [1, 1, 1]

    async def test_nobody_signs_in_where_no_password_is_stored(self, hasher: PasswordHasher) -> None:
        """LG-02: a user who only signs in through an identity provider has none."""
        assert await hasher.verify(PASSWORD, None) is PasswordCheck.MISMATCH

    @pytest.mark.parametrize("stored", UNREADABLE)
    async def test_an_unreadable_stored_form_is_a_mismatch_at_the_cost_of_one_hash(
        self, hasher: PasswordHasher, hashes_done: Callable[[PasswordHasher], int], stored: str
    ) -> None:
        before = hashes_done(hasher)

        assert await hasher.verify(PASSWORD, stored) is PasswordCheck.MISMATCH
        assert hashes_done(hasher) - before == 1

    async def test_a_user_may_spell_a_password_in_any_unicode_form(self, hasher: PasswordHasher) -> None:
        """LG-08: composed, decomposed and full-width spellings are one password (NFKC)."""
        stored = await hasher.hash(Secret("\u00fcber alle Wipfel 2026"))

        for spelling in ["u\u0308ber alle Wipfel 2026", "\u00fcber alle Wipfel \uff12\uff10\uff12\uff16"]:
            assert await hasher.verify(Secret(spelling), stored) is PasswordCheck.MATCH

    @pytest.mark.parametrize(
        ("right", "wrong"),
        [
            ("x" * 72 + "y", "x" * 72 + "z"),
            ("x" * 72 + "y", "x" * 72),
            ("ω" * 36 + "y", "ω" * 36 + "z"),
            ("x" * 1023 + "y", "x" * 1023 + "z"),
            ("before\0after", "before\0other"),
            ("before\0after", "before"),
            ("twice over", "twice over\0twice over"),
            ("With Capitals", "with capitals"),
            ("spaces around", " spaces around "),
        ],
    )
    async def test_a_guesser_must_have_every_character_right(
        self, hasher: PasswordHasher, right: str, wrong: str
    ) -> None:
        """LG-04: nothing is cut off at 72 bytes or at a NUL, nothing trimmed or folded."""
        stored = await hasher.hash(Secret(right))

        assert await hasher.verify(Secret(wrong), stored) is PasswordCheck.MISMATCH
        assert await hasher.verify(Secret(right), stored) is PasswordCheck.MATCH

    @pytest.mark.parametrize("text", ["", "\0", "\ud800 half a surrogate pair", "🂡" * 300])
    async def test_an_odd_password_is_a_password_and_no_error(self, hasher: PasswordHasher, text: str) -> None:
        stored = await hasher.hash(Secret(text))

        assert await hasher.verify(Secret(text), stored) is PasswordCheck.MATCH
        assert await hasher.verify(PASSWORD, stored) is PasswordCheck.MISMATCH

    async def test_other_tasks_go_on_while_a_password_is_hashed(self, hasher: PasswordHasher) -> None:
        """LG-20: hashing happens off the event loop."""
        hashing = asyncio.create_task(hasher.hash(PASSWORD))

        await asyncio.sleep(0)

        assert not hashing.done()
        assert await hasher.verify(PASSWORD, await hashing) is PasswordCheck.MATCH

    async def test_users_who_sign_in_together_each_get_their_own_answer(self, hasher: PasswordHasher) -> None:
        passwords = [Secret(f"the long password of user {number}") for number in range(8)]

        stored = await asyncio.gather(*(hasher.hash(password) for password in passwords))
        own = await asyncio.gather(
            *(hasher.verify(password, form) for password, form in zip(passwords, stored, strict=True))
        )
        of_others = await asyncio.gather(
            *(hasher.verify(password, form) for password, form in zip(passwords, reversed(stored), strict=True))
        )

        assert set(own) == {PasswordCheck.MATCH}
        assert set(of_others) == {PasswordCheck.MISMATCH}

    async def test_a_crowd_is_turned_away_at_once_and_nothing_is_hashed_for_it(
        self, crowded_hasher: PasswordHasher, hashes_done: Callable[[PasswordHasher], int]
    ) -> None:
        """LG-20: the excess gets ``Overloaded`` with a time to come back; those let in are served."""
        before = hashes_done(crowded_hasher)

        answers = await asyncio.gather(
            *(crowded_hasher.verify(PASSWORD, None) for _ in range(10)), return_exceptions=True
        )

        turned_away = [answer for answer in answers if isinstance(answer, Overloaded)]
        assert answers[:2] == [PasswordCheck.MISMATCH] * 2
        assert len(turned_away) == 8
        assert all(answer.retry_after.total_seconds() > 0 for answer in turned_away)
        assert hashes_done(crowded_hasher) - before == 2

    async def test_the_next_user_is_served_once_the_crowd_has_gone(self, crowded_hasher: PasswordHasher) -> None:
        await asyncio.gather(*(crowded_hasher.hash(PASSWORD) for _ in range(10)), return_exceptions=True)

        stored = await crowded_hasher.hash(PASSWORD)

        assert await crowded_hasher.verify(PASSWORD, stored) is PasswordCheck.MATCH

    async def test_users_who_give_up_waiting_leave_no_place_taken(self, crowded_hasher: PasswordHasher) -> None:
        """A client that disconnects cancels its request, whether it waits or its hash has begun."""
        for _ in range(5):
            impatient = [asyncio.create_task(crowded_hasher.hash(PASSWORD)) for _ in range(2)]
            await asyncio.sleep(0)
            for task in impatient:
                task.cancel()
            await asyncio.gather(*impatient, return_exceptions=True)
            # One place to wait is free again, however long the hash that has begun still takes.
            await crowded_hasher.hash(PASSWORD)

        answers = await asyncio.gather(crowded_hasher.hash(PASSWORD), crowded_hasher.hash(PASSWORD))

        assert len(answers) == 2

    async def test_a_hasher_that_cannot_work_is_unavailable(self, closed_hasher: PasswordHasher) -> None:
        with pytest.raises(Unavailable):
            await closed_hasher.hash(PASSWORD)
        with pytest.raises(Unavailable):
            await closed_hasher.verify(PASSWORD, None)
