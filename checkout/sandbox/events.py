"""Events: what happened, kept for the list and sent to the webhook."""

from .config import API_VERSION
from .errors import Json
from .ids import new_id
from .listing import page
from .state import Call, Sandbox
from .store import public


def emit(box: Sandbox, kind: str, obj: Json, previous: Json | None = None) -> None:
    """Records what the object looks like now and sends it out."""
    data: Json = {"object": public(obj)}
    if previous is not None:
        data["previous_attributes"] = previous
    event: Json = {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": box.now,
        "data": data,
        "livemode": False,
        "pending_webhooks": 1 if box.webhooks.url else 0,
        "request": dict(box.cause),
        "type": kind,
    }
    box.store.put(event)
    box.webhooks.deliver(event)


def retrieve(box: Sandbox, call: Call) -> Json:
    return box.store.get("event", call.id)


def list_(box: Sandbox, call: Call) -> Json:
    params = call.params
    wanted = set(params.texts("types")) | ({str(params.text("type"))} if params.text("type") else set())
    events = [event for event in box.store.all("event") if not wanted or _matches(event, wanted)]
    return page(params, events, "/v1/events", extra=("type", "types", "delivery_success"))


def _matches(event: Json, wanted: set[str]) -> bool:
    return event["type"] in wanted or any(
        kind.endswith(".*") and event["type"].startswith(kind[:-1]) for kind in wanted
    )
