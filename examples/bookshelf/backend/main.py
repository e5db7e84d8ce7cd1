"""The bookshelf's backend: books in PostgreSQL, a count of visits in Redis."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from urllib.parse import urlsplit

import psycopg
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from psycopg.rows import dict_row
from pydantic import BaseModel, Field

CREATE = """
CREATE TABLE IF NOT EXISTS books (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL,
    author text NOT NULL
)
"""
Text = Annotated[str, Field(min_length=1, max_length=200)]


class NewBook(BaseModel):
    title: Text
    author: Text


class Book(NewBook):
    id: int


class Shelf(BaseModel):
    books: list[Book]
    visits: int


@asynccontextmanager
async def prepared(_: FastAPI) -> AsyncIterator[None]:
    with database() as connection:
        connection.execute(CREATE)
    yield


app = FastAPI(title="Bookshelf", lifespan=prepared)
# The page comes from another port of this machine, which makes it another origin.
app.add_middleware(
    CORSMiddleware,
    allow_origin_regex=r"http://(localhost|127\.0\.0\.1)(:\d+)?",
    allow_methods=["GET", "POST"],
    allow_headers=["Content-Type"],
)


@app.get("/health")
def health() -> dict[str, str]:
    """Says that this process serves. A database that is away must not have it restarted too."""
    return {"status": "ok"}


@app.get("/books")
def books() -> Shelf:
    with database() as connection:
        rows = connection.execute("SELECT id, title, author FROM books ORDER BY id").fetchall()
    return Shelf(books=[Book(**row) for row in rows], visits=count_visit())


@app.post("/books", status_code=201)
def add(book: NewBook) -> Book:
    with database() as connection:
        row = connection.execute(
            "INSERT INTO books (title, author) VALUES (%s, %s) RETURNING id, title, author",
            (book.title, book.author),
        ).fetchone()
    assert row is not None
    return Book(**row)


def database() -> psycopg.Connection[dict[str, Any]]:
    """A connection of its own for each request: it is none the worse for a restarted server."""
    return psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=5, row_factory=dict_row)


def count_visit() -> int:
    """INCR in Redis's own protocol, which is simple enough to need no package."""
    url = urlsplit(os.environ["REDIS_URL"])
    with socket.create_connection((url.hostname, url.port or 6379), timeout=5) as connection:
        connection.sendall(b"*2\r\n$4\r\nINCR\r\n$6\r\nvisits\r\n")
        answer = connection.makefile("rb").readline().decode()
    if not answer.startswith(":"):
        raise RuntimeError(f"Redis answered {answer.strip()!r}")
    return int(answer[1:])
