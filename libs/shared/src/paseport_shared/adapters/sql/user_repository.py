"""Users in SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from paseport.subject import SubjectState

from paseport_shared.adapters.sql.session import ConstraintViolated, SqlSession
from paseport_shared.adapters.sql.tables import user_roles, users
from paseport_shared.adapters.sql.types import is_storable
from paseport_shared.domain.errors import AlreadyExists, InvalidRequest, NotFound, PreconditionFailed
from paseport_shared.domain.models.identifiers import canonical
from paseport_shared.domain.models.roles import ADMIN
from paseport_shared.domain.models.user import User, UserPage, UserQuery, UserSort

_UNIQUE: Final = (("id", users.c.id), ("username", users.c.canonical_username), ("email", users.c.canonical_email))
_MAX_BIGINT: Final = (1 << 63) - 1


class SqlUserRepository:
    """A ``UserRepository``."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    async def get(self, user_id: UUID) -> User:
        """See ``UserRepository.get``."""
        found = await self._load(sa.select(users).where(users.c.id == user_id))
        if not found:
            raise NotFound("no such user")
        return found[0]

    async def usernames(self, user_ids: Collection[UUID]) -> dict[UUID, str]:
        """See ``UserRepository.usernames``."""
        if not user_ids:
            return {}
        rows = await self._session.execute(sa.select(users.c.id, users.c.username).where(users.c.id.in_(user_ids)))
        return {row.id: row.username for row in rows}

    async def find_by_login(self, login: str) -> User | None:
        """See ``UserRepository.find_by_login``."""
        wanted = canonical(login)
        if not is_storable(wanted):
            return None
        column = users.c.canonical_email if "@" in wanted else users.c.canonical_username
        # One statement, whether there is such a user or not: a second one for the roles of those who exist would show
        # in the time of a refused sign-in (LG-01).
        rows = (
            await self._session.execute(
                sa.select(users, user_roles.c.role)
                .outerjoin(user_roles, user_roles.c.user_id == users.c.id)
                .where(column == wanted)
            )
        ).all()
        return _user(rows[0], {row.role for row in rows if row.role is not None}) if rows else None

    async def add(self, user: User) -> None:
        """See ``UserRepository.add``."""
        row = _row(user)
        try:
            await self._session.execute(sa.insert(users).values(row))
        except ConstraintViolated as error:
            raise await self._taken(row, _UNIQUE) from error
        await self._insert_roles(user.id, user.roles)

    async def update(self, user: User, *, expected_revision: int) -> None:
        """See ``UserRepository.update``."""
        row = _row(user)
        condition = _is_revision(user.id, expected_revision)
        try:
            changed = await self._session.execute(sa.update(users).where(condition).values(row))
        except ConstraintViolated as error:
            raise await self._taken(row, _UNIQUE[1:]) from error
        if changed.rowcount == 0:
            raise await self._missed(user.id)
        await self._replace_roles(user.id, user.roles)

    async def delete(self, user_id: UUID, *, expected_revision: int) -> None:
        """See ``UserRepository.delete``. Foreign keys take along whatever is of this user."""
        deleted = await self._session.execute(sa.delete(users).where(_is_revision(user_id, expected_revision)))
        if deleted.rowcount == 0:
            raise await self._missed(user_id)

    async def replace_password_hash(self, user_id: UUID, *, old: str, new: str) -> bool:
        """See ``UserRepository.replace_password_hash``."""
        changed = await self._session.execute(
            sa.update(users).where(users.c.id == user_id, users.c.password_hash == old).values(password_hash=new)
        )
        return changed.rowcount == 1

    async def count_active_admins(self) -> int:
        """See ``UserRepository.count_active_admins``.

        The rows stay locked until the transaction ends (SQLite: the whole database is), so a second caller waits and
        then sees what the first one did.
        """
        rows = await self._session.execute(
            sa.select(users.c.id)
            .join(user_roles, user_roles.c.user_id == users.c.id)
            .where(user_roles.c.role == ADMIN, users.c.disabled.is_(False), users.c.built_in.is_(False))
            .with_for_update()
        )
        return len(rows.all())

    async def page(self, query: UserQuery) -> UserPage:
        """See ``UserRepository.page``. Three statements, whatever the size of the page."""
        conditions = _conditions(query)
        if conditions is None:
            return UserPage(items=(), next=None, total=0)
        sort_key: sa.Column[Any] = users.c[_SORT_COLUMN[query.sort]]
        statement = sa.select(users).where(*conditions)
        if query.after is not None:
            statement = statement.where(_is_behind(sort_key, query))
        order = [column.desc() if query.descending else column.asc() for column in (sort_key, users.c.id)]
        found = await self._load(statement.order_by(*order).limit(query.limit + 1))
        items = found[: query.limit]
        total = await self._session.execute(sa.select(sa.func.count()).select_from(users).where(*conditions))
        return UserPage(
            items=items,
            next=(_position(query.sort, items[-1]), items[-1].id) if len(found) > len(items) else None,
            total=total.scalar_one(),
        )

    async def subject_states(self, after: UUID | None, limit: int) -> tuple[SubjectState, ...]:
        """See ``UserRepository.subject_states``."""
        statement = sa.select(users).order_by(users.c.id).limit(limit)
        if after is not None:
            statement = statement.where(users.c.id > after)
        return tuple(user.state for user in await self._load(statement))

    async def _load(self, statement: sa.Select[Any]) -> tuple[User, ...]:
        """Run a query for users and fetch the roles of all of them in one more."""
        rows = (await self._session.execute(statement)).all()
        roles = await self._roles(row.id for row in rows)
        return tuple(_user(row, roles[row.id]) for row in rows)

    async def _roles(self, user_ids: Iterable[UUID]) -> defaultdict[UUID, set[str]]:
        roles: defaultdict[UUID, set[str]] = defaultdict(set)
        wanted = list(user_ids)
        if wanted:
            for row in await self._session.execute(sa.select(user_roles).where(user_roles.c.user_id.in_(wanted))):
                roles[row.user_id].add(row.role)
        return roles

    async def _replace_roles(self, user_id: UUID, roles: frozenset[str]) -> None:
        held = (await self._roles([user_id]))[user_id]
        if gone := held - roles:
            await self._session.execute(
                sa.delete(user_roles).where(user_roles.c.user_id == user_id, user_roles.c.role.in_(sorted(gone)))
            )
        await self._insert_roles(user_id, roles - held)

    async def _insert_roles(self, user_id: UUID, roles: Collection[str]) -> None:
        if roles:
            rows = [{"user_id": user_id, "role": role} for role in sorted(roles)]
            await self._session.execute(sa.insert(user_roles), rows)

    async def _taken(self, row: dict[str, Any], unique: Iterable[tuple[str, sa.Column[Any]]]) -> AlreadyExists:
        """Name the field that is taken, the user name before the e-mail address.

        The database is asked instead of its message: engines check their constraints in different orders, and MariaDB
        quotes the client's value next to the constraint's name.
        """
        for field, column in unique:
            others = sa.select(users.c.id).where(column == row[column.name])
            if field != "id":
                others = others.where(users.c.id != row["id"])
            if (await self._session.execute(others)).first() is not None:
                return AlreadyExists(field)
        return AlreadyExists("user")

    async def _missed(self, user_id: UUID) -> NotFound | PreconditionFailed:
        """Say why a conditional write found nothing."""
        stored = await self._session.execute(sa.select(users.c.revision).where(users.c.id == user_id))
        revision = stored.scalar_one_or_none()
        return NotFound("no such user") if revision is None else PreconditionFailed(f"revision is {revision}")


_SORT_COLUMN: Final[dict[UserSort, str]] = {
    "username": "canonical_username",
    "email": "canonical_email",
    "created_at": "created_at",
}


def _row(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "username": user.username,
        "canonical_username": user.canonical_username,
        "email": user.email,
        "canonical_email": user.canonical_email,
        "display_name": user.display_name,
        "canonical_display_name": canonical(user.display_name or ""),
        "password_hash": user.password_hash,
        "disabled": user.disabled,
        "built_in": user.built_in,
        "version": user.version,
        "revision": user.revision,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "email_verified": user.email_verified,
    }


def _user(row: sa.Row[Any], roles: Iterable[str]) -> User:
    return User(
        id=row.id,
        username=row.username,
        email=row.email,
        display_name=row.display_name,
        password_hash=row.password_hash,
        roles=frozenset(roles),
        disabled=row.disabled,
        built_in=row.built_in,
        version=row.version,
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
        email_verified=row.email_verified,
    )


def _is_revision(user_id: UUID, revision: int) -> sa.ColumnElement[bool]:
    # Clients send revisions (If-Match). One that no column can hold is simply not the stored one.
    if not 0 <= revision <= _MAX_BIGINT:
        return sa.false()
    return sa.and_(users.c.id == user_id, users.c.revision == revision)


def _conditions(query: UserQuery) -> list[sa.ColumnElement[bool]] | None:
    """Return what a user must satisfy, or None where nobody can."""
    conditions: list[sa.ColumnElement[bool]] = []
    needle = canonical(query.search)
    if not is_storable(needle) or not is_storable(query.role or ""):
        return None
    if needle:
        # INSTR, not LIKE: no character of the search means anything but itself, and its length has no limit.
        columns = (users.c.canonical_username, users.c.canonical_email, users.c.canonical_display_name)
        conditions.append(sa.or_(*(sa.func.instr(column, needle) > 0 for column in columns)))
    if query.role is not None:
        conditions.append(
            sa.exists().where(user_roles.c.user_id == users.c.id, user_roles.c.role == query.role).correlate(users)
        )
    if query.disabled is not None:
        conditions.append(users.c.disabled.is_(query.disabled))
    return conditions


def _position(sort: UserSort, user: User) -> str:
    match sort:
        case "username":
            return user.canonical_username
        case "email":
            return user.canonical_email
        case "created_at":
            return user.created_at.astimezone(UTC).isoformat(timespec="microseconds")


def _is_behind(sort_key: sa.Column[Any], query: UserQuery) -> sa.ColumnElement[bool]:
    """Return the condition that a row comes after ``query.after``. Raises ``InvalidRequest`` for a made-up position."""
    text, user_id = query.after or ("", UUID(int=0))
    if not is_storable(text):
        raise InvalidRequest("the page position is not text")
    key: str | datetime = _read_time(text) if query.sort == "created_at" else text
    if query.descending:
        return sa.or_(sort_key < key, sa.and_(sort_key == key, users.c.id < user_id))
    return sa.or_(sort_key > key, sa.and_(sort_key == key, users.c.id > user_id))


def _read_time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest("the page position is not a time") from error
    if at.utcoffset() != timedelta(0):
        raise InvalidRequest("the page position is not in UTC")
    return at
