from datetime import datetime

from pydantic import BaseModel, ConfigDict


class ArtifactView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    run_id: str
    node: str
    attempt_id: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    created_at: datetime
