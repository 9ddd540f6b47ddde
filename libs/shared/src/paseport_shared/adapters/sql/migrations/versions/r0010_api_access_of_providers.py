"""Whose access tokens, besides ours, people may manage their API keys with, and how often providers are asked anew.

Going back forgets both, the declared loss of this step: those tokens are refused, and providers are asked each hour.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    there = _there()
    if "api_access" not in there:
        op.add_column("identity_providers", sa.Column("api_access", sa.JSON(none_as_null=True)))
    if "refresh_seconds" not in there:
        column = sa.Column("refresh_seconds", sa.BigInteger(), nullable=False, server_default=sa.text("3600"))
        op.add_column("identity_providers", column)


def downgrade() -> None:
    for name in {"api_access", "refresh_seconds"} & _there():
        op.drop_column("identity_providers", name)


def _there() -> set[str]:
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns("identity_providers")}
