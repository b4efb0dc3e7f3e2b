"""The idempotency key of an order: whoever brings it first goes on, everybody after them gets the same answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable

from checkout.errors import CheckoutError, Invalid, KeyInFlight, KeyReused
from checkout.models import IdempotencyKey, Order
from checkout.order_request import OrderRequest, Placed
from checkout.tokens import order_token
from checkout.totals import tables as totals_tables
from drops import terms as drop_terms
from drops.models import Drop
from drops.terms import Terms

MAX_KEY = 255
LOCK_TIMEOUT = "3s"


def claim(drop: Drop, request: OrderRequest) -> tuple[tuple[int, int] | None, Terms]:
    """Insert the key, and read what the drop sells; nothing beside it when the key stands already.

    What is beside it: the key's id, and the version of the shop's tables of totals. A twin in flight is waited for on
    the unique index. From here on no lock of this transaction is waited for longer than ``LOCK_TIMEOUT``.
    """
    steps = f"""patience AS (SELECT set_config('lock_timeout', %s, true)),
               claimed AS (INSERT INTO checkout_idempotencykey (drop_id, key, body_hmac)
                           SELECT %s, %s, %s FROM patience
                           ON CONFLICT (drop_id, key) DO NOTHING RETURNING id),
               beside AS (SELECT ARRAY[id, {totals_tables.VERSION}] FROM claimed)"""  # noqa: S608  # our own words
    with waiting_means(KeyInFlight()):
        values = [LOCK_TIMEOUT, drop.pk, request.idempotency_key, request.fingerprint()]
        return drop_terms.read_beside(drop.pk, steps, values)


def replay(drop: Drop, request: OrderRequest) -> Placed:
    """The answer that the key's order got, word for word. Raises KeyReused where it came with another body."""
    key = IdempotencyKey.objects.select_related("order").get(drop=drop, key=request.idempotency_key)
    if key.body_hmac != request.fingerprint():
        raise KeyReused
    return Placed(order_token(key.order.token_nonce), key.order.placed_reply, replayed=True)


def standing(drop: Drop, request: OrderRequest) -> Placed | None:
    """The answer that this very request got before, or None. Raises Invalid and KeyReused."""
    require(request)
    stands = Order.objects.filter(idempotency_key__drop=drop, idempotency_key__key=request.idempotency_key).exists()
    return replay(drop, request) if stands else None


def require(request: OrderRequest) -> None:
    if not 1 <= len(request.idempotency_key) <= MAX_KEY or not request.idempotency_key.isprintable():
        raise Invalid({"idempotency_key": f"Between 1 and {MAX_KEY} printable characters."})


@contextmanager
def waiting_means(refusal: CheckoutError) -> Iterator[None]:
    """Turn a lock that was waited for too long, or for ever, into a refusal that says what to do."""
    try:
        yield
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable | DeadlockDetected):
            raise refusal from error
        raise
