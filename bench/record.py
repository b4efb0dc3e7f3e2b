"""The record of `python -m bench.evidence`: written, sealed, verified, and read as a checkout reads it."""

import hashlib
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "merchant.settings")
django.setup()

from django.db import connection  # noqa: E402  # models want Django set up
from django.test.utils import CaptureQueriesContext  # noqa: E402

from policies import auditing, chain  # noqa: E402
from policies.acceptance import commitment_over  # noqa: E402
from policies.models import Policy, PolicyVersion, Rendering  # noqa: E402
from policies.queries import applicable, forget  # noqa: E402
from policies.rendering import to_html  # noqa: E402

START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = START + timedelta(days=1)
POLICIES, OF_THE_SHOP = 100, 8
CALLS = 2_000
COLUMNS = (
    *("id", "order_ref", "rendering_id", "surface", "language", "asked_language", "wording", "accepted", "replaced"),
    *("shown_at", "answered_at", "commitment"),
)
PERSON = ("acceptance_id", "salt", "ip", "user_agent", "email_hmac")
T = TypeVar("T")


def measure(versions: int, acceptances: int) -> bool:
    """Print what it took; whether the record was whole."""
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}", flush=True)
    timed("written", lambda: write(versions, acceptances))
    timed("sealed", lambda: chain.seal(LATER))
    found = timed("verified", lambda: auditing.audit(LATER))
    print(
        f"{found.links:,} links, {found.versions:,} versions, {found.acceptances:,} acceptances, {found.renderings:,}"
        f" renderings, {found.persons:,} commitments: {'whole' if found.whole else found.problems[:3]}"
    )
    resolve()
    return found.whole


def timed(what: str, deed: Callable[[], T]) -> T:
    began, spent = time.perf_counter(), time.process_time()
    result = deed()
    cpu = time.process_time() - spent
    print(f"{what} in {time.perf_counter() - began:.1f} s, of them {cpu:.1f} s CPU of this process", flush=True)
    return result


def write(versions: int, acceptances: int) -> None:
    policies = Policy.objects.bulk_create(
        Policy(
            slug=f"policy-{n}", title=f"Policy {n}", kind="returns", scope="shop" if n < OF_THE_SHOP else f"drop:{n}"
        )
        for n in range(POLICIES)
    )
    words = " ".join(f"word{number}" for number in range(250))
    made = [_version(policies[n % POLICIES], n, f"{words} {n}") for n in range(versions)]
    PolicyVersion.objects.bulk_create(made, batch_size=1_000)
    Rendering.objects.bulk_create((_rendering(version) for version in made), batch_size=1_000)
    renderings = list(Rendering.objects.order_by("pk").values_list("pk", "sha256"))  # nothing is asked during a COPY
    with connection.cursor() as cursor:
        _copy(cursor, "policies_acceptance", COLUMNS, (row for row, _ in _acceptances(acceptances, renderings)))
        people = (person for _, person in _acceptances(acceptances, renderings))
        _copy(cursor, "policies_acceptanceperson", PERSON, people)
        cursor.execute("ANALYZE")


def resolve() -> None:
    """What resolving and rendering the texts of a checkout adds: queries, and CPU a call once they are remembered."""
    keys = ["shop", f"drop:{OF_THE_SHOP}", "tag:robe", "country:DE"]

    def ask() -> int:
        return len(applicable(keys, now=LATER, values={"drop": "A drop"}))

    ask()
    forget()
    with CaptureQueriesContext(connection) as cold:
        texts = ask()
    began = time.process_time()
    for _ in range(CALLS):
        ask()
    spent = (time.process_time() - began) / CALLS
    print(f"{texts} texts of a checkout: {len(cold)} queries in a new process, then {1000 * spent:.3f} ms CPU a call")


def _version(policy: Policy, number: int, source: str) -> PolicyVersion:
    starts = START + timedelta(seconds=number)
    return PolicyVersion(
        policy=policy,
        number=number // POLICIES + 1,
        summary="In short.",
        source=source,
        published_at=START,
        effective_at=starts,
    )


def _rendering(version: PolicyVersion) -> Rendering:
    html = to_html(version, {})
    return Rendering(version=version, html=html, sha256=hashlib.sha256(html.encode()).hexdigest())


def _acceptances(count: int, renderings: list[tuple[int, str]]) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Rows of both tables. The salt is no secret here, and so both passes make the same ones."""
    for number in range(1, count + 1):
        rendering, digest = renderings[number % len(renderings)]
        salt = f"{number:032x}"
        person = {"salt": salt, "ip": "203.0.113.7", "user_agent": "A browser", "email_hmac": salt * 2}
        said = {
            "order_ref": f"FR-{number // 3}",
            "rendering__sha256": digest,
            "surface": "checkout",
            "language": "en",
            "asked_language": "en",
            "wording": "I have read it.",
            "accepted": True,
            "replaced": False,
            "shown_at": START,
            "answered_at": START,
        }
        values = [rendering if name == "rendering__sha256" else value for name, value in said.items()]
        yield (number, *values, commitment_over(said | person)), (number, *person.values())


def _copy(cursor: Any, table: str, columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]]) -> None:
    with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


if __name__ == "__main__":
    sys.exit(0 if measure(int(sys.argv[1]), int(sys.argv[2])) else 1)
