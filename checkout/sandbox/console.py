"""The sandbox's own page: what happened, and the switches as forms."""

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from .errors import Json
from .faults import KINDS, PHASES, Fault
from .operations import OPERATIONS
from .pages import Markup, join, money, page, render
from .state import Sandbox

RECENT = 15


@dataclass(frozen=True)
class Console:
    box: Sandbox

    async def show(self, request: Request) -> Response:
        """Newest first, a screenful of each."""
        box = self.box
        names = ["*", "payment_intents.*", *(operation.name for operation in OPERATIONS), "stripe.js"]
        return page(
            "console.html",
            webhook_url=box.webhooks.url or "nowhere (no webhook URL was given)",
            payments=_rows([_payment(intent) for intent in box.store.all("payment_intent")], "Nobody has paid yet."),
            events=_rows([_event(event) for event in box.store.all("event")], "No events yet."),
            requests=_rows([_request(entry) for entry in box.log.entries()], "No requests yet."),
            faults=_rows([_fault(fault) for fault in box.faults.active], "Everything works."),
            operations=_options(names),
            kinds=_options(list(KINDS)),
            phases=_options(list(PHASES)),
            **{f"webhook_{name}": value for name, value in vars(box.faults.webhooks).items()},
        )


def _rows(rows: list[Markup], empty: str) -> Markup:
    return join(rows[::-1][:RECENT]) or render("empty_row.html", text=empty)


def _options(names: list[str]) -> Markup:
    return join([render("option.html", value=name) for name in names])


def _payment(intent: Json) -> Markup:
    return render(
        "payment_row.html",
        id=intent["id"],
        order=intent["metadata"].get("order", "–"),
        amount=money(intent["amount"], intent["currency"]),
        status=intent["status"],
        created=_time(intent["created"]),
    )


def _event(event: Json) -> Markup:
    delivered = "waiting" if event["pending_webhooks"] else "done"
    return render("row.html", time=_time(event["created"]), what=event["type"], state=delivered, detail=event["id"])


def _request(entry: Json) -> Markup:
    state = " · ".join(str(part) for part in (entry["status"] or "no reply", entry["fault"]) if part)
    detail = f"{entry['path']} {entry['idempotency_key'] or ''}"
    return render("row.html", time=_time(entry["created"]), what=entry["operation"], detail=detail, state=state)


def _fault(fault: Fault) -> Markup:
    amount = {"latency": f"{fault.seconds:g} s", "error": f"HTTP {fault.status}", "drop": "no reply"}[fault.kind]
    times = "until cleared" if fault.times is None else f"{fault.times} more"
    what = f"{amount}, {fault.phase} the work"
    return render("fault_row.html", id=fault.id, operation=fault.operation, what=what, times=times)


def _time(created: int) -> str:
    return datetime.fromtimestamp(created, tz=UTC).strftime("%H:%M:%S UTC")
