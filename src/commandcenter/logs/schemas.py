from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel
from pydantic_core import to_json

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


def lines_message(records: Sequence[Record]) -> str:
    """The WebSocket message with the next lines, each a `LogLineView` in form.

    The highest number is where to resume. Floods are sent this way, where a model of each line
    would cost more than all the rest.
    """
    lines = [
        {"number": each.number, "at": each.at, "stream": each.stream, "text": each.text}
        for each in records
    ]
    return to_json({"type": "lines", "lines": lines}).decode()


class LogEnd(BaseModel):
    """The last WebSocket message: nothing will follow in this attempt's log."""

    type: str = "end"
    attempt_id: str
