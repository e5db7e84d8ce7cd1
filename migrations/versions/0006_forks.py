"""Forks: copies of a project's stack"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("projects", schema=None) as batch_op:
        batch_op.add_column(sa.Column("forked_from", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("forked_from_name", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("forked_at", _TIME, nullable=True))
    op.create_table(
        "stack_forks",
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("origin_id", sa.String(length=64), nullable=False),
        sa.Column("origin_name", sa.String(length=64), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("starts", sa.Boolean(), nullable=False),
        sa.Column("max_pause_seconds", sa.Float(), nullable=False),
        sa.Column("pause_seconds", sa.Float(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("requested_by", sa.String(length=64), nullable=False),
        sa.Column("request", sa.String(length=400), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_stack_forks")),
    )
    with op.batch_alter_table("stack_forks", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_stack_forks_name"), ["name"], unique=False)


def downgrade() -> None:
    op.drop_table("stack_forks")
    with op.batch_alter_table("projects", schema=None) as batch_op:
        batch_op.drop_column("forked_at")
        batch_op.drop_column("forked_from_name")
        batch_op.drop_column("forked_from")
