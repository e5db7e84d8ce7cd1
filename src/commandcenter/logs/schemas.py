from datetime import datetime

from pydantic import BaseModel

from commandcenter.kit.segments import Record


class LogLineView(BaseModel):
    """A line of the log. Numbers begin at 1; a gap says that lines were dropped."""

    number: int
    at: datetime
    stream: str
    text: str

    @classmethod
    def of(cls, record: Record) -> "LogLineView":
        return cls(number=record.number, at=record.at, stream=record.stream, text=record.text)


class LogLines(BaseModel):
    """A WebSocket message with the next lines. The highest number is where to resume."""

    type: str = "lines"
    lines: list[LogLineView]


class LogEnd(BaseModel):
    """The last WebSocket message: nothing will follow in this attempt's log."""

    type: str = "end"
    attempt_id: str
