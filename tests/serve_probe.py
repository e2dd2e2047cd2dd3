"""Started by test_service_process.py: the real server in a process, a client that goes away, a stop by signal."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

TEXT = "Seen by Dr. Ada Zqcanary on 3/4/2019."


def wait(port: int, server: subprocess.Popen[bytes]) -> None:
    """Until the server answers."""
    until = time.monotonic() + 240
    while time.monotonic() < until and server.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"the server did not start: {server.poll()}")


def ask(port: int, path: str, body: Any, token: str) -> tuple[int, str]:
    """One request."""
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def leave(port: int, token: str) -> None:
    """Send a long note and go away."""
    body = json.dumps({"text": TEXT * 2000})
    with socket.create_connection(("127.0.0.1", port)) as away:
        head = f"POST /scrub HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        away.sendall((head + body).encode())
        time.sleep(0.2)


def main(folder: Path) -> None:
    """Print what was seen as JSON."""
    token = "a-token-of-sixteen-or-more"
    (folder / "token").write_text(token)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = "from nlp_deid.cli_serve import serve; import typer; typer.run(serve)"
    command = [sys.executable, "-c", program, "--port", str(port), "--pipeline", "rules"]
    command += ["--token-file", str(folder / "token"), "--key-dir", str(folder / "keys")]
    log = folder / "log"
    with log.open("wb") as sink:
        server = subprocess.Popen(
            command, stderr=sink, stdout=sink, env={**os.environ, "NLP_DEID_TOKEN": "x"}
        )
        try:
            wait(port, server)
            seen: dict[str, Any] = {"good": ask(port, "/scrub", {"text": TEXT}, token)}
            seen["wrong"] = ask(port, "/scrub", {"text": TEXT}, "wrong")[0]
            leave(port, token)
            seen["after"] = ask(port, "/scrub", {"text": TEXT, "policy": "surrogate", "key": "a"}, token)[0]
            late: list[int] = []
            running = threading.Thread(
                target=lambda: late.append(ask(port, "/scrub", {"text": TEXT * 3000}, token)[0])
            )
            running.start()
            time.sleep(0.3)
            server.send_signal(signal.SIGTERM)
            running.join(120)
            seen["in flight"] = late
            seen["exit"] = server.wait(120)
        finally:
            server.kill()
    seen["log"] = log.read_text()
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
