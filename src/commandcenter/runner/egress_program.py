"""The first program in a sandbox that may reach the network: `egress.py FD PORT COMMAND...`.

It opens the proxy's port on the sandbox's own loopback, hands the listening socket out to the
runner, and becomes the command. Connections to that port are then accepted outside; nothing else
leads out of the sandbox.
"""

import os
import socket
import sys


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(sys.argv[2])))
    listener.listen(64)
    socket.send_fds(channel, [b"L"], [listener.fileno()])
    listener.close()
    channel.close()
    command = sys.argv[3:]
    try:
        os.execvp(command[0], command)  # noqa: S606 - the agent's own command
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        os._exit(127)


if __name__ == "__main__":
    main()
