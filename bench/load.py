"""The crowd: a bounded load in a process of its own. Reads a job as JSON, prints what happened as JSON.

Plain sockets under asyncio, because a comfortable HTTP client would eat the cores that the servers need. Every fan
keeps one connection and sends its next request when the last one was answered.
"""

import asyncio
import json
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

HOST = "127.0.0.1"
HEAD = "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: bench\r\nContent-Length: {length}\r\n"
MOST_SHOWN = 3


@dataclass(frozen=True)
class Job:
    """At most ``most`` deeds within ``seconds``. ``order`` is an order's body; a journey asks for its own quote."""

    what: Literal["orders", "journeys"]
    port: int
    slug: str
    order: dict[str, Any]
    connections: int = 8
    seconds: float = 3.0
    most: int = 50_000


@dataclass
class Outcome:
    """What happened. ``answers`` counts them by status and problem type; ``milliseconds`` are those of each deed."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)

    @property
    def placed(self) -> int:
        return self.answers.get("201", 0)


def send(job: Job) -> Outcome:
    """Let the crowd loose, in its own process."""
    command = [sys.executable, "-m", "bench.load"]
    cwd = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, input=json.dumps(asdict(job)), capture_output=True, text=True, cwd=cwd, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return Outcome(**json.loads(done.stdout))


class Fan:
    """One keep-alive connection."""

    def __init__(self, job: Job, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.job, self.reader, self.writer = job, reader, writer

    async def order(self) -> tuple[int, bytes]:
        return await self._order(self.job.order)

    async def journey(self) -> tuple[int, bytes]:
        """The page, a quote, the order; ends at the first answer that is not 200."""
        status, page = await self._ask("GET", f"/drops/{self.job.slug}/")
        if status != 200:
            return status, page
        order = self.job.order
        wanted = {"lines": order["lines"], "country": order["address"]["country"]}
        status, answer = await self._ask("POST", f"/api/v1/drops/{self.job.slug}/quote", wanted)
        if status != 200:
            return status, answer
        return await self._order(order | agreed(json.loads(answer)))

    async def _order(self, body: dict[str, Any]) -> tuple[int, bytes]:
        key = uuid.uuid4().hex
        return await self._ask(
            "POST", f"/api/v1/drops/{self.job.slug}/orders", body | {"email": f"fan-{key}@example.com"}, key
        )

    async def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, key: str = ""
    ) -> tuple[int, bytes]:
        sent = json.dumps(body).encode() if body else b""
        head = HEAD.format(method=method, path=path, port=self.job.port, length=len(sent))
        head += "Content-Type: application/json\r\n" if body else ""
        head += f"Idempotency-Key: {key}\r\n" if key else ""
        self.writer.write(head.encode() + b"\r\n" + sent)
        answer = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        length = answer.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return int(answer[9:12]), await (self.reader.readexactly(int(length)) if length else self._chunks())

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readline()
        return body


def agreed(quote: dict[str, Any]) -> dict[str, Any]:
    """What an order must bring back of a quote: its token, its total, and every policy, accepted."""
    policies = [{"id": each["id"], "sha256": each["sha256"], "accepted": True} for each in quote["policies"]]
    return {"quote": quote["quote"], "agreed_total": quote["total"], "policies": policies}


async def _crowd(job: Job) -> Outcome:
    outcome, answers = Outcome(), Counter[str]()
    links = [await asyncio.open_connection(HOST, job.port) for _ in range(job.connections)]
    started, deeds = time.perf_counter(), iter(range(job.most))
    cpu_before = time.process_time()
    await asyncio.gather(*(_loop(Fan(job, *link), deeds, started + job.seconds, outcome, answers) for link in links))
    outcome.seconds = time.perf_counter() - started
    outcome.cpu_seconds = time.process_time() - cpu_before
    outcome.answers = dict(answers)
    for _, writer in links:
        writer.close()
    return outcome


async def _loop(fan: Fan, deeds: Iterator[int], deadline: float, outcome: Outcome, answers: Counter[str]) -> None:
    for _ in deeds:
        before = time.perf_counter()
        if before >= deadline:
            return
        status, body = await (fan.order() if fan.job.what == "orders" else fan.journey())
        outcome.milliseconds.append(1000 * (time.perf_counter() - before))
        answers[_name(status, body)] += 1
        if status != 201 and len(outcome.odd) < MOST_SHOWN:
            outcome.odd.append(f"{status} {body[:300].decode(errors='replace')}")


def _name(status: int, body: bytes) -> str:
    if status in {200, 201}:
        return str(status)
    try:
        return f"{status} {json.loads(body)['type'].rpartition('/')[2]}"
    except (ValueError, KeyError):
        return str(status)


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_crowd(Job(**json.load(sys.stdin)))))))
