from datetime import datetime

from pydantic import BaseModel

from commandcenter.kit.segments import Record

_LINE_ENDS = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}


class LogLineView(BaseModel):
    """A line of the log. Numbers begin at 1; a gap says that lines were dropped."""

    number: int
    at: datetime
    stream: str
    text: str

    @classmethod
    def of(cls, record: Record) -> "LogLineView":
        return cls(number=record.number, at=record.at, stream=record.stream, text=record.text)

    def json_line(self) -> str:
        """The line as JSON, without any character that some language takes for a line's end."""
        return self.model_dump_json().translate(_LINE_ENDS) + "\n"


class LogLines(BaseModel):
    """A WebSocket message with the next lines. The highest number is where to resume."""

    type: str = "lines"
    lines: list[LogLineView]


class LogEnd(BaseModel):
    """The last WebSocket message: nothing will follow in this attempt's log."""

    type: str = "end"
    attempt_id: str
