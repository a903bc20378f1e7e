"""A small load generator: a few connections, one epoll loop, no library between it and the sockets.

    python benchmarks/loadgen.py PORT REQUEST.http --seconds 5 --connections 8
    python benchmarks/loadgen.py PORT REQUEST.http --seconds 10 --connections 8 --rate 1000

Without a rate each connection sends its next request when the last one is answered (closed loop). With a rate requests
are due at fixed times, and latency counts from the time a request was due, not from when it could be sent (open loop),
so that a server that stalls does not hide it. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import time
from pathlib import Path
from typing import Any


class Connection:
    """One keep-alive connection that has at most one request under way."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.due = 0.0

    def send(self, request: bytes, due: float) -> None:
        """Start a request that was due then."""
        self.due = due
        self.socket.sendall(request)

    def receive(self) -> int | None:
        """The status of an answer that is complete; None while it is not."""
        part = self.socket.recv(1 << 20)
        if not part:
            raise ConnectionError("the server closed the connection")
        self.buffer += part
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return None
        at = self.buffer.lower().find(b"content-length:", 0, head)
        length = int(self.buffer[at + 15 : self.buffer.find(b"\r\n", at)])
        if len(self.buffer) < head + 4 + length:
            return None
        status = int(self.buffer[9:12])
        self.buffer = self.buffer[head + 4 + length :]
        return status


def run(
    host: str, port: int, request: bytes, *, seconds: float, connections: int, rate: float | None
) -> dict[str, Any]:
    """Load the server; latencies in milliseconds."""
    poll = select.epoll()
    by_number = {}
    for _ in range(connections):
        connection = Connection(host, port)
        by_number[connection.socket.fileno()] = connection
        poll.register(connection.socket, select.EPOLLIN)
    idle = list(by_number.values())
    latencies: list[float] = []
    statuses: dict[int, int] = {}
    started = time.perf_counter()
    end, sent = started + seconds, 0
    while True:
        now = time.perf_counter()
        while idle and now < end:
            due = started + sent / rate if rate else now
            if due > now:
                break
            idle.pop().send(request, due)
            sent += 1
        if now >= end and len(idle) == connections:
            break
        pause = started + sent / rate - time.perf_counter() if idle and rate and now < end else None
        if pause is not None:  # epoll's own wait is rounded up to milliseconds, and its requests would be late
            select.select([poll], [], [], max(0.0, pause))
        for number, _ in poll.poll(5 if pause is None else 0):
            connection = by_number[number]
            status = connection.receive()
            if status is not None:
                latencies.append(time.perf_counter() - connection.due)
                statuses[status] = statuses.get(status, 0) + 1
                idle.append(connection)
    took = time.perf_counter() - started
    latencies.sort()
    return {
        "requests": len(latencies),
        "per_second": round(len(latencies) / took, 1),
        "statuses": statuses,
        **{
            f"p{q:g}_ms": round(latencies[min(len(latencies) - 1, int(len(latencies) * q / 100))] * 1e3, 3)
            for q in (50, 90, 99, 99.9)
        },
        "max_ms": round(latencies[-1] * 1e3, 3),
    }


def main() -> None:
    """Read the arguments, and print what was measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("request", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rate", type=float)
    options = parser.parse_args()
    found = run(
        options.host,
        options.port,
        options.request.read_bytes(),
        seconds=options.seconds,
        connections=options.connections,
        rate=options.rate,
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
