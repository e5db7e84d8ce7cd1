from difflib import get_close_matches
import hashlib
from sqlalchemy import select
from commandcenter.models import Workflow
from commandcenter.kit.ids import new_id
from commandcenter.kit.clock import utc_now
from commandcenter.kit.errors import NotFoundError

SRC = """
name: review-and-patch
inputs: {project: {type: string, format: project}, patch: {type: string, required: false}}
nodes:
  scan:   {agent: security-scanner, with: {repositoryPath: "{{inputs.project}}"}}
"""


class WorkflowService:
    def __init__(self, database, events, agents):
        self.db = database

    async def register_builtin(self):
        async with self.db.write() as s:
            s.add(
                Workflow(
                    id=new_id("wf"),
                    name="review-and-patch",
                    version=1,
                    source=SRC,
                    digest="x",
                    created_at=utc_now(),
                    created_by="system",
                )
            )

    async def usable(self, session, ref):
        return await session.scalar(select(Workflow).where(Workflow.name == ref))
