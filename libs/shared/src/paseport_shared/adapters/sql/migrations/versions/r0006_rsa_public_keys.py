"""Room for RSA keys beside Ed25519 ones, in a column of their own: the one that there is holds 32 bytes.

Going back drops the versions of RSA keys, the declared loss of this step: the next start takes the newest version of
the signer for the one that signs, and ID tokens of other versions are recognised no more. They could not stay: without
their key they would be taken for Ed25519 keys.
"""

import sqlalchemy as sa
from alembic import op

from paseport_shared.adapters.sql.types import octets

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    if not _is_there():
        op.add_column("signing_keys", sa.Column("rsa_public_key", octets(1024)))


def downgrade() -> None:
    if _is_there():
        op.execute("DELETE FROM signing_keys WHERE rsa_public_key IS NOT NULL")
        op.drop_column("signing_keys", "rsa_public_key")


def _is_there() -> bool:
    columns = sa.inspect(op.get_bind()).get_columns("signing_keys")
    return any(column["name"] == "rsa_public_key" for column in columns)
