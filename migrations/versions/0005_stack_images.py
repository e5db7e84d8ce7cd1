"""Stacks in images: what was found in them, hardening, UDP ports"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("stack_services") as batch_op:
        batch_op.add_column(sa.Column("image", _JSON, nullable=True))
        batch_op.add_column(sa.Column("hardening", _JSON, nullable=True))
    with op.batch_alter_table("stack_ports") as batch_op:
        batch_op.add_column(
            sa.Column("protocol", sa.String(length=3), nullable=False, server_default="tcp")
        )
        batch_op.drop_constraint(op.f("pk_stack_ports"), type_="primary")
        batch_op.create_primary_key(op.f("pk_stack_ports"), ["owner", "protocol", "host_port"])
    with op.batch_alter_table("stack_ports") as batch_op:
        batch_op.alter_column("protocol", server_default=None)


def downgrade() -> None:
    op.execute("DELETE FROM stack_ports WHERE protocol <> 'tcp'")
    with op.batch_alter_table("stack_ports") as batch_op:
        batch_op.drop_constraint(op.f("pk_stack_ports"), type_="primary")
        batch_op.create_primary_key(op.f("pk_stack_ports"), ["owner", "host_port"])
        batch_op.drop_column("protocol")
    with op.batch_alter_table("stack_services") as batch_op:
        batch_op.drop_column("hardening")
        batch_op.drop_column("image")
