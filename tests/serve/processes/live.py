"""A server of real processes, and clients who send it load."""

import http.client
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from podium.settings import Settings

RUN = """
import json, sys
from podium.serve.processes.supervisor import serve
from podium.settings import Settings

settings = Settings(**json.loads(sys.argv[1]))
decide = None
if settings.serve.approvers:
    from podium.pipeline.approval import decide
sys.exit(serve(settings, lambda line: print(line, flush=True), decide))
"""


class Server:
    """A running `serve`, and ways to talk to it."""

    def __init__(self, settings: Settings, cwd: Path | None = None, **options: Any) -> None:
        serving = {"port": 0, "interval": 0.2, "ledger": "off", **options}
        told = {**settings.model_dump(mode="json"), "serve": serving}
        self.cache = settings.data_dir / "serving"
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, json.dumps(told)], stdout=subprocess.PIPE, text=True, cwd=cwd
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.took = time.monotonic() - self.started
        assert re.match(r"https?://127.0.0.1:", line), line
        self.port = int(line.rpartition(":")[2])

    def family(self) -> list[int]:
        """Process ids of everything below it: serving processes, the reader, and what helps them."""
        return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]

    def workers(self) -> list[int]:
        """Process ids of the serving processes."""
        said = {int(place.name) for place in self.cache.glob("*/in-service/[0-9]*")}
        return [number for number in self.family() if number in said]

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def champion(self) -> str:
        """Who leads, as the server sees it."""
        return str(json.loads(self.ask("GET", "/health")[2])["pairs"]["EURUSD"]["champion"])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and wait for the end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(60)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


Serving = Callable[..., Server]


class Load:
    """Clients in threads that send the same request over and over, each on a connection that stays."""

    def __init__(self, port: int, body: str, clients: int = 4) -> None:
        self.answers: list[tuple[int, str, str, list[float]]] = []
        self.failures: list[str] = []
        self._body, self._port, self._go = body, port, True
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while self._go:
            try:
                connection.request("POST", "/invocations", self._body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                content = response.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                break
            found = response.headers
            numbers = json.loads(content).get("predictions", [])
            version = f"{found['x-podium-model']}/{found['x-podium-version']}"
            self.answers.append((response.status, version, found["x-podium-forecast-id"] or "", numbers))
        connection.close()

    def stop(self) -> None:
        """Let the clients finish."""
        self._go = False
        for thread in self._threads:
            thread.join()
