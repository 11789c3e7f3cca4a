"""A port on loopback that is tor's socket: Python's SOCKS clients know a host and a port, and tor's way out is a
file, which alone reaches into a network namespace that has nothing but loopback.

    python -m lucid_payments.onion.forward --listen 127.0.0.1:9050 --to /run/lucid/tor/socks.sock

And the other way about, for an onion service of a program that can listen on a port alone:

    python -m lucid_payments.onion.forward --listen /run/lucid/prometheus/prometheus.sock --to 127.0.0.1:9090

It looks at nothing and keeps nothing. Where the other side is away it hangs up at once, and connects again when it is
back. Python's standard library alone, so that it is small and starts at once.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Final

PIECE: Final = 64 * 1024
CONNECT_SECONDS: Final = 5.0
FULL_SECONDS: Final = 0.02
# Far more than worker and signer open; what is over it waits in the kernel's queue.
MOST: Final = 512
# Of a socket that is made here: whoever may enter its folder, and is in the group.
NOBODY_ELSE: Final = 0o117
# A socket's path, or an address of loopback and a port.
Place = str | tuple[str, int]


async def serve(listen: Place, to: Place) -> None:
    """Forward until SIGTERM or SIGINT. Raises OSError where the place is taken."""
    places = asyncio.Semaphore(MOST)
    running: set[asyncio.Task[None]] = set()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            running.add(task)
            task.add_done_callback(running.discard)
        # Cancelled at the end alone, which asyncio would otherwise print as an error.
        with suppress(asyncio.CancelledError):
            async with places:
                await _forward(reader, writer, to)

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if isinstance(listen, str):
        os.umask(NOBODY_ELSE)
        server: asyncio.Server = await asyncio.start_unix_server(take, listen)
    else:
        server = await asyncio.start_server(take, *listen)
    async with server:
        await stop.wait()
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: Place) -> None:
    try:
        onward = _connected(to) if isinstance(to, str) else asyncio.open_connection(*to)
        onward_reader, onward_writer = await asyncio.wait_for(onward, CONNECT_SECONDS)
    except (OSError, TimeoutError):
        await _close(writer)
        return
    try:
        await asyncio.gather(_pump(reader, onward_writer), _pump(onward_reader, writer))
    except OSError:
        pass  # one side is gone, and so is the other
    finally:
        await asyncio.gather(_close(onward_writer), _close(writer))


async def _connected(path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the socket that is there now: a tor that was started anew has made it anew."""
    onward = socket.socket(socket.AF_UNIX)
    onward.setblocking(False)
    try:
        while True:
            try:
                onward.connect(path)
                break
            except BlockingIOError:
                # Its queue is full. asyncio would take that for a connection under way, which a Unix socket never is.
                await asyncio.sleep(FULL_SECONDS)
        return await asyncio.open_unix_connection(sock=onward)
    except BaseException:
        onward.close()
        raise


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction until its end; the other may go on, as in any HTTP answer."""
    while piece := await reader.read(PIECE):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def main(arguments: list[str] | None = None) -> int:
    """Answers the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m lucid_payments.onion.forward", description=__doc__)
    parser.add_argument("--listen", type=_place, default="127.0.0.1:9050", metavar="ADDRESS:PORT|SOCKET")
    parser.add_argument(
        "--to", type=_place, default="/run/lucid/tor/socks.sock", metavar="SOCKET|ADDRESS:PORT"
    )
    options = parser.parse_args(arguments)
    try:
        asyncio.run(serve(options.listen, options.to))
    except OSError as error:
        sys.stderr.write(f"{options.listen}: {error.strerror}\n")
        return 1
    return 0


def _place(text: str) -> Place:
    """Never a name, which would be resolved by asking somebody, and never another machine."""
    if text.startswith("/"):
        return text
    host, _, port = text.rpartition(":")
    try:
        if not ipaddress.ip_address(host).is_loopback or not 0 < int(port) < 65_536:
            raise ValueError
    except ValueError:
        said = "give an address of loopback and a port, like 127.0.0.1:9050, or a socket's path"
        raise argparse.ArgumentTypeError(said) from None
    return host, int(port)


if __name__ == "__main__":
    sys.exit(main())
