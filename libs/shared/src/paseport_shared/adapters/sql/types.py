"""Column types that mean the same on SQLite and MariaDB."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

COLLATION: Final = "utf8mb4_nopad_bin"
"""Code points, compared one by one: SQLite's default. MariaDB's usual ones take ``á`` for ``a``, and even
``utf8mb4_bin`` takes ``'a '`` for ``'a'``."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC, to the microsecond. Databases get it without a zone, so none of them converts it."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime]:
        """Return DATETIME(6) where seconds are the default precision."""
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC and drop the zone. ValueError for a naive datetime: nobody knows what it means."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "a datetime without a zone cannot be stored"
            raise ValueError(message)
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Name the zone again."""
        return None if value is None else value.replace(tzinfo=UTC)


def text(length: int) -> TypeEngine[str]:
    """Return text of at most ``length`` characters, equal only to itself."""
    on_mariadb = mysql.VARCHAR(length, charset="utf8mb4", collation=COLLATION)
    return sa.String(length).with_variant(on_mariadb, "mysql", "mariadb")


def long_text() -> TypeEngine[str]:
    """Return text of up to 64 KiB, equal only to itself. It cannot be indexed."""
    on_mariadb = mysql.TEXT(charset="utf8mb4", collation=COLLATION)
    return sa.Text().with_variant(on_mariadb, "mysql", "mariadb")


def digest(size: int) -> TypeEngine[bytes]:
    """Return a hash of exactly ``size`` bytes."""
    return sa.LargeBinary(size).with_variant(mysql.BINARY(size), "mysql", "mariadb")


def octets(length: int) -> TypeEngine[bytes]:
    """Return at most ``length`` bytes."""
    return sa.LargeBinary(length).with_variant(mysql.VARBINARY(length), "mysql", "mariadb")


def is_storable(value: str, column: sa.Column[Any] | None = None) -> bool:
    """Say whether text can be encoded (JSON can spell lone surrogates, UTF-8 cannot) and fits into the column.

    Whoever looks for other text is simply not told of any row. SQLite would keep text of any length.
    """
    length = None if column is None else getattr(column.type, "length", None)
    if length is not None and len(value) > length:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)
