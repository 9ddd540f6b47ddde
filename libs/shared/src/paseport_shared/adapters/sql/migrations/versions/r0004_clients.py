"""Clients that administrators manage.

Going back drops them with their rows, the declared loss of this step: whoever uses one cannot sign in, or get tokens.
"""

import sqlalchemy as sa
from alembic import op

from paseport_shared.adapters.sql.tables import TABLE_OPTIONS
from paseport_shared.adapters.sql.types import UtcDateTime, long_text, text

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "clients",
        sa.Column("client_id", text(64), nullable=False),
        sa.Column("name", text(100), nullable=False),
        sa.Column("canonical_name", long_text(), nullable=False),
        sa.Column("first_party", sa.Boolean(), nullable=False),
        sa.Column("scope", sa.JSON(), nullable=False),
        sa.Column("audience", long_text(), nullable=False),
        sa.Column("audiences", sa.JSON(), nullable=False),
        sa.Column("application_type", text(16), nullable=False),
        sa.Column("auth_method", text(32), nullable=False),
        sa.Column("secrets", sa.JSON(), nullable=False),
        sa.Column("grants", sa.JSON(), nullable=False),
        sa.Column("redirect_uris", sa.JSON(), nullable=False),
        sa.Column("post_logout_redirect_uris", sa.JSON(), nullable=False),
        sa.Column("require_pkce", sa.Boolean(), nullable=False),
        sa.Column("access_token_seconds", sa.BigInteger()),
        sa.Column("refresh_seconds", sa.BigInteger()),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("projected_revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("client_id", name="pk_clients"),
        if_not_exists=True,
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("clients", if_exists=True)
