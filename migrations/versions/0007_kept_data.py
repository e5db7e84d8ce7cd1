"""What is left of removed projects"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "kept_data",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(length=4096), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("runtime", sa.String(length=32), nullable=False),
        sa.Column("kept_on", _JSON, nullable=False),
        sa.Column("numbers", _JSON, nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_kept_data")),
    )
    with op.batch_alter_table("stacks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kept_on", _JSON, nullable=False, server_default="[]"))
    stacks = sa.table(
        "stacks",
        sa.column("project_id", sa.String()),
        sa.column("runtime", sa.String()),
        sa.column("definition", sa.LargeBinary()),
        sa.column("kept_on", _JSON),
    )
    started = sa.select(stacks.c.project_id, stacks.c.runtime).where(
        stacks.c.definition.is_not(None)
    )
    connection = op.get_bind()
    for project_id, runtime in connection.execute(started).all():
        connection.execute(
            stacks.update().where(stacks.c.project_id == project_id).values(kept_on=[runtime])
        )
    with op.batch_alter_table("stacks", schema=None) as batch_op:
        batch_op.alter_column("kept_on", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("stacks", schema=None) as batch_op:
        batch_op.drop_column("kept_on")
    op.drop_table("kept_data")
