"""A process that keeps many connections busy with one request and counts the answers.

Arguments: port, key, tenant, method, path, number of connections. When its standard input ends,
it prints the count and exits.
"""

import asyncio
import sys
from contextlib import closing, suppress


async def _ask(port: int, request: bytes, answers: list[int]) -> None:
    with suppress(asyncio.CancelledError):
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            # The server may have closed it while this process was not scheduled.
            with closing(writer), suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    writer.write(request)
                    head = (await reader.readuntil(b"\r\n\r\n")).lower()
                    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
                    await reader.readexactly(length)
                    answers[0] += 1


async def main() -> None:
    """Send requests until standard input ends."""
    port, key, tenant, method, path, connections = sys.argv[1:]
    body = b"{}" if method == "POST" else b""
    request = (
        f"{method} {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\nx-tenant-id: {tenant}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body
    answers = [0]
    asking = [
        asyncio.ensure_future(_ask(int(port), request, answers)) for _ in range(int(connections))
    ]
    await asyncio.to_thread(sys.stdin.read)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking)
    print(answers[0])


if __name__ == "__main__":
    asyncio.run(main())
