"""Balance transactions: what every movement of money left after fees."""

from .errors import Json
from .ids import new_id
from .listing import page
from .state import Call, Sandbox

FEE_PER_MILLE = 29
FEE_FIXED = 30
SETTLES_AFTER = 2 * 86_400


def fee_for(amount: int) -> int:
    """2.9 % and 30, half a unit rounded up: Stripe's US card price."""
    return (amount * FEE_PER_MILLE + 500) // 1000 + FEE_FIXED


def record(box: Sandbox, kind: str, amount: int, source: Json) -> Json:
    """Books `amount` (negative when money leaves) for a charge, a refund or an adjustment."""
    fee = fee_for(amount) if kind == "charge" else 0
    detail = {"amount": fee, "application": None, "currency": source["currency"], "type": "stripe_fee"}
    transaction: Json = {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": box.now + SETTLES_AFTER,
        "balance_type": "payments",
        "created": box.now,
        "currency": source["currency"],
        "description": source.get("description"),
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [{**detail, "description": "Stripe processing fees"}] if fee else [],
        "net": amount - fee,
        "reporting_category": "dispute" if kind == "adjustment" else kind,
        "source": source["id"],
        "status": "pending",
        "type": kind,
    }
    return box.store.put(transaction)


def retrieve(box: Sandbox, call: Call) -> Json:
    return box.store.get("balance_transaction", call.id)


def list_(box: Sandbox, call: Call) -> Json:
    kind, source, currency = (call.params.text(name) for name in ("type", "source", "currency"))
    found = [
        transaction
        for transaction in box.store.all("balance_transaction")
        if kind in (None, transaction["type"])
        and source in (None, transaction["source"])
        and currency in (None, transaction["currency"])
    ]
    return page(call.params, found, "/v1/balance_transactions", extra=("type", "source", "currency", "payout"))


def balance(box: Sandbox, call: Call) -> Json:
    """`GET /v1/balance`, the cheapest way to ask whether a key works."""
    call.params.only()
    totals: dict[str, int] = {}
    for transaction in box.store.all("balance_transaction"):
        totals[transaction["currency"]] = totals.get(transaction["currency"], 0) + transaction["net"]
    pending = [{"amount": net, "currency": currency, "source_types": {"card": net}} for currency, net in totals.items()]
    return {"object": "balance", "available": [], "livemode": False, "pending": pending}
