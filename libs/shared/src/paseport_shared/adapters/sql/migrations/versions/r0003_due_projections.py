"""Changes that are on record and may not be in force everywhere yet.

Going back drops them: whatever was due then is loaded by the next start, except what deleted users left behind.
"""

import sqlalchemy as sa
from alembic import op

from paseport_shared.adapters.sql.tables import TABLE_OPTIONS
from paseport_shared.adapters.sql.types import UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "due_projections",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("ends_access", sa.Boolean(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_due_projections"),
        if_not_exists=True,
        **TABLE_OPTIONS,
    )
    op.create_index("ix_due_projections_since", "due_projections", ["since"], if_not_exists=True)


def downgrade() -> None:
    op.drop_table("due_projections", if_exists=True)
