"""An image server that costs next to nothing: `/MILLISECONDS/KILOBYTES/SALT/NUMBER.jpg` answers after that time.

Also the way in which Gemini hands out a result file: `/v1beta/files/NAME:download` is the file DIR/NAME.
`python -m bench.origin DIR` prints its address on the first line.
"""

import asyncio
import sys
from pathlib import Path

from bench.images import base, numbered


class Origin(asyncio.Protocol):
    """One connection; requests come one after another and have no body."""

    folder = Path()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.rest = transport, b""

    def data_received(self, data: bytes) -> None:
        self.rest += data
        while b"\r\n\r\n" in self.rest:
            head, _, self.rest = self.rest.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode().partition("?")[0]
            self.answer(path)

    def answer(self, path: str) -> None:
        if path.endswith(":download"):
            self.file(self.folder / path.rsplit("/", 1)[1].removesuffix(":download"))
            return
        if not path.endswith(".jpg"):
            self.transport.write(
                b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
            )
            return
        _, milliseconds, kilobytes, salt, name = path.split("/")
        body = numbered(int(kilobytes), int(name.removesuffix(".jpg")), salt)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        loop = asyncio.get_running_loop()
        loop.call_later(int(milliseconds) / 1000, self.transport.write, head + body)

    def file(self, path: Path) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\nContent-Length: {path.stat().st_size}\r\n\r\n"
        self.transport.write(head.encode())
        self.task = asyncio.ensure_future(self.stream(path))

    async def stream(self, path: Path) -> None:
        with path.open("rb") as file:
            await asyncio.get_running_loop().sendfile(self.transport, file)


async def serve(folder: Path) -> None:
    Origin.folder = folder
    for kilobytes in (394, 60):
        base(kilobytes)
    server = await asyncio.get_running_loop().create_server(Origin, "127.0.0.1", 0, backlog=512)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
