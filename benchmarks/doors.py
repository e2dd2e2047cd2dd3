"""What the doors cost: the spaCy component beside the pipeline alone, and the REST service under load.

python benchmarks/doors.py component --data NOTES.jsonl [--pipeline rules] [--rounds 5]
python benchmarks/doors.py load --data NOTES.jsonl [--pipeline rules] [--clients 4] [--seconds 300]
python benchmarks/doors.py schema [--cases 2000] [--pipeline rules]
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

from nlp_deid.pipeline import load


def texts(path: Path) -> list[str]:
    """The texts of rows."""
    return [
        json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
    ]


def component(args: argparse.Namespace) -> None:
    """CPU time of the component over `deid.pipe`; its tokenizer's share is shown apart."""
    import spacy

    from nlp_deid.spacy_component import DeidComponent

    notes, deid = texts(args.data), load(args.pipeline, args.policy or "tag")  # what can be compared
    nlp, made = spacy.blank("en"), DeidComponent(deid)
    nlp.max_length = max(map(len, notes)) + 1
    spent: dict[str, list[float]] = {"pipe": [], "tokenizer": [], "component": []}
    list(deid.pipe(notes))
    for _ in range(args.rounds):
        start = time.process_time()
        alone = [result.text for result in deid.pipe(notes)]
        spent["pipe"].append(time.process_time() - start)
        start = time.process_time()
        docs = list(nlp.tokenizer.pipe(notes))
        spent["tokenizer"].append(time.process_time() - start)
        start = time.process_time()
        same = [doc._.deidentified.text for doc in made.pipe(iter(docs))]
        spent["component"].append(time.process_time() - start)
        assert same == alone
    pipe, tokens, ours = (statistics.median(spent[name]) for name in ("pipe", "tokenizer", "component"))
    print(f"{len(notes)} notes, {sum(map(len, notes)):,} characters, median of {args.rounds} rounds, CPU-s")
    print(
        f"deid.pipe {pipe:.3f}   component {ours:.3f} ({ours / pipe - 1:+.1%})   spaCy's tokenizer {tokens:.3f}"
    )


def client(port: int, notes: list[str], until: float, took: list[float], wrong: list[str]) -> None:
    """Scrub notes one after another over one connection."""
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    number = 0
    while time.monotonic() < until:
        body = json.dumps({"text": notes[number % len(notes)], "policy": "surrogate", "id": str(number)})
        start = time.perf_counter()
        try:
            connection.request("POST", "/scrub", body.encode(), {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                wrong.append(str(answer.status))
        except OSError as error:
            wrong.append(type(error).__name__)
            connection.close()
        took.append(time.perf_counter() - start)
        number += 1


def memory(pid: int) -> float:
    """Resident megabytes of a process (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def load_test(args: argparse.Namespace) -> None:
    """Clients without a pause against a server in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = "import typer; from nlp_deid.cli_serve import serve; typer.run(serve)"
    command = [sys.executable, "-c", program, "--port", str(port), "--pipeline", args.pipeline]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while server.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        notes = texts(args.data)
        client(port, notes, time.monotonic() + 5, [], [])
        took: list[float] = []
        wrong: list[str] = []
        until = time.monotonic() + args.seconds
        threads = [
            threading.Thread(target=client, args=(port, notes[n:] + notes[:n], until, took, wrong))
            for n in range(args.clients)
        ]
        for thread in threads:
            thread.start()
        resident = [memory(server.pid)]
        while time.monotonic() < until:
            time.sleep(max(1.0, args.seconds / 20))
            resident.append(memory(server.pid))
        for thread in threads:
            thread.join()
    finally:
        server.terminate()
        server.wait(60)
    cuts = statistics.quantiles(took, n=100)
    print(
        f"{args.clients} clients, {args.seconds:g} s, {len(took)} requests, {len(wrong)} errors {sorted(set(wrong))}"
    )
    print(f"p50 {cuts[49] * 1e3:.0f} ms, p95 {cuts[94] * 1e3:.0f} ms, p99 {cuts[98] * 1e3:.0f} ms")
    print("resident MB: " + " ".join(f"{mb:.0f}" for mb in resident))


def schema(args: argparse.Namespace) -> None:
    """Made-up requests by the OpenAPI document; counts of the answers by status."""
    from collections import Counter

    import schemathesis
    from hypothesis import HealthCheck, given, settings

    from nlp_deid.service.app import create_app
    from nlp_deid.service.engine import Engine

    @schemathesis.serializer("application/x-ndjson")
    def rows(_: object, value: object) -> bytes:
        return str(value).encode("utf-8", "replace")

    app = create_app(Engine({args.pipeline: load(args.pipeline)}), hosts=["*"])
    found = schemathesis.openapi.from_asgi("/openapi.json", app)
    seen: Counter[int] = Counter()
    operations = [operation.ok() for operation in found.get_all_operations()]
    posts = [operation for operation in operations if operation.method == "post"]
    for operation in posts:
        for mode in schemathesis.GenerationMode:
            strategy = operation.as_strategy(generation_mode=mode)

            @settings(
                max_examples=args.cases // (2 * len(posts)) + 1,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=strategy)
            def run(case: schemathesis.Case) -> None:
                seen[case.call().status_code] += 1

            run()
    print(f"{seen.total()} cases: {dict(sorted(seen.items()))}")


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("component", "load", "schema"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--pipeline", default="rules")
    parser.add_argument("--policy")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--cases", type=int, default=2000)
    args = parser.parse_args()
    {"component": component, "load": load_test, "schema": schema}[args.what](args)


if __name__ == "__main__":
    main()
