"""One shape for every list in the API: a page of items and how to get the next."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from pydantic import BaseModel

ItemT = TypeVar("ItemT")

MAX_PAGE = 200
DEFAULT_PAGE = 50


class Page(BaseModel, Generic[ItemT]):
    """`next_cursor` goes into `?cursor=` for the following page; null at the end."""

    items: Sequence[ItemT]
    next_cursor: str | None = None
