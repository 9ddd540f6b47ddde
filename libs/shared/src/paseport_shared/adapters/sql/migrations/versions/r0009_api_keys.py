"""API keys.

Going back drops them with their rows, the declared loss of this step: whoever uses one is refused, and needs a new one.
"""

import sqlalchemy as sa
from alembic import op

from paseport_shared.adapters.sql.tables import TABLE_OPTIONS
from paseport_shared.adapters.sql.types import UtcDateTime, long_text, text

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", text(16), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", text(64), nullable=False),
        sa.Column("canonical_name", long_text(), nullable=False),
        sa.Column("comment", text(500), nullable=False),
        sa.Column("canonical_comment", long_text(), nullable=False),
        sa.Column("email", text(254)),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("hosts", sa.JSON(), nullable=False),
        sa.Column("paths", sa.JSON(), nullable=False),
        sa.Column("methods", sa.JSON(), nullable=False),
        sa.Column("networks", sa.JSON(), nullable=False),
        sa.Column("rate_limit", sa.JSON(none_as_null=True)),
        sa.Column("secrets", sa.JSON(), nullable=False),
        sa.Column("legacy_digest", text(64)),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("expires_at", UtcDateTime()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime()),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("due_since", UtcDateTime()),
        sa.Column("last_used_at", UtcDateTime()),
        sa.Column("use_count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("legacy_digest", name="uq_api_keys_legacy_digest"),
        if_not_exists=True,
        **TABLE_OPTIONS,
    )
    op.create_index(
        "ix_api_keys_owner_id_created_at_id", "api_keys", ["owner_id", "created_at", "id"], if_not_exists=True
    )
    op.create_index("ix_api_keys_created_at_id", "api_keys", ["created_at", "id"], if_not_exists=True)
    op.create_index("ix_api_keys_due_since_id", "api_keys", ["due_since", "id"], if_not_exists=True)


def downgrade() -> None:
    op.drop_table("api_keys", if_exists=True)
