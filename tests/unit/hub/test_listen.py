"""The hub's listening socket."""

import asyncio
import socket
from pathlib import Path

from commandcenter.hub.listen import bind
from commandcenter.hub.settings import Settings


async def test_answers_are_not_held_back_for_acknowledgements(tmp_path: Path) -> None:
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        accepted.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listener = bind(Settings(data_directory=tmp_path, port=0))
    async with await asyncio.start_server(look, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname())
        no_delay = await asyncio.wait_for(accepted, 10)
        writer.close()

    assert no_delay != 0
