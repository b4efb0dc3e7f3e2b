"""The payment provider's tax service, for a quote alone: quick or not at all, and then the shop's own table counts.

An answer is remembered for a minute, because a page is shown again and again with the same address. After a failure
this process leaves the service alone for ten seconds: a fan waits for it once, not at every field. It listens to the
breaker of the payments but does not feed it, so that a tax service in trouble defers no order.
"""

import logging
import time

from checkout import gateway
from checkout.errors import GatewayError, GatewayUnavailable
from checkout.totals.taxes import PROVIDER, TaxAnswer, Taxed, digest

log = logging.getLogger(__name__)
REMEMBERED_SECONDS, MOST_REMEMBERED = 60.0, 500
PAUSE_SECONDS = 10.0

_answers: dict[str, tuple[float, TaxAnswer]] = {}
_paused_until = [0.0]


def ask(asked: Taxed) -> TaxAnswer | None:
    """What the service says; None when it does not, and the table is to be asked. Never in a transaction."""
    key, at = digest(asked), time.monotonic()
    remembered = _answers.get(key)
    if remembered and at - remembered[0] < REMEMBERED_SECONDS:
        return remembered[1]
    if at < _paused_until[0] or not (any(asked.goods_minor) or asked.shipping_minor):
        return None
    answer = _asked_anew(asked, key)
    if answer is not None:
        if len(_answers) >= MOST_REMEMBERED:
            _answers.clear()
        _answers[key] = (at, answer)
    return answer


def forget() -> None:
    """Ask anew at the next call, as if nothing had ever failed."""
    _answers.clear()
    _paused_until[0] = 0.0


def _asked_anew(asked: Taxed, key: str) -> TaxAnswer | None:
    try:
        told = gateway.calculate_tax(asked)
    except GatewayUnavailable as away:
        _paused_until[0] = time.monotonic() + PAUSE_SECONDS
        log.warning("tax.away", extra={"why": away.why})
        return None
    except GatewayError:
        return None  # an address that is not enough for it; the next one may be
    answer = TaxAnswer(told.title, told.of_goods, told.of_shipping, PROVIDER, key)
    return answer if _makes_sense(asked, answer) else None


def _makes_sense(asked: Taxed, answer: TaxAnswer) -> bool:
    """A tax for each line and the delivery, and none of it more than there is to tax."""
    taxed = zip((*asked.goods_minor, asked.shipping_minor), (*answer.of_goods, answer.of_shipping), strict=False)
    whole = len(answer.of_goods) == len(asked.goods_minor)
    sane = whole and all(0 <= tax <= amount for amount, tax in taxed)
    if not sane:
        log.error("tax.senseless", extra={"asked": repr(asked), "told": repr(answer)})
    return sane
