"""The provider's tax service. https://docs.stripe.com/api/tax/calculations"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from checkout.gateway import api
from checkout.totals.taxes import Taxed, percent

TAX_NAMES = {"vat": "VAT", "gst": "GST", "hst": "HST", "pst": "PST", "qst": "QST", "sales_tax": "Sales tax"}


@dataclass(frozen=True, slots=True)
class TaxView:
    """The tax of each line, in their order, and of the delivery. ``title``: ``VAT 19 %``."""

    title: str
    of_goods: tuple[int, ...]
    of_shipping: int


def calculate_tax(asked: Taxed) -> TaxView:
    """What the provider's tax service says. A fan waits for it: it has a shorter time, and waits for no turn."""
    seconds = settings.STRIPE_TAX_TIMEOUT_SECONDS
    return _tax(api.ask_at_once("tax.calculations.create", _tax_params(asked), timeout=seconds), asked)


def _tax_params(asked: Taxed) -> dict[str, Any]:
    """What costs nothing is not asked for: the provider wants amounts above zero."""
    behaviour = "inclusive" if asked.included else "exclusive"
    place = {"country": asked.place.country, "state": asked.place.region, "postal_code": asked.place.postal_code}
    lines = zip(asked.skus, asked.goods_minor, strict=True)
    params: dict[str, Any] = {
        "currency": asked.currency.lower(),
        "customer_details": {
            "address": {name: text for name, text in place.items() if text},
            "address_source": "shipping",
        },
        "line_items": [
            {"amount": amount, "reference": sku, "tax_behavior": behaviour} for sku, amount in lines if amount
        ],
        "expand": ["line_items"],
    }
    if asked.shipping_minor:
        params["shipping_cost"] = {"amount": asked.shipping_minor, "tax_behavior": behaviour}
    return params


def _tax(raw: Any, asked: Taxed) -> TaxView:
    by_sku = {line["reference"]: line["amount_tax"] for line in raw["line_items"]["data"]}
    shares = [share for share in raw["tax_breakdown"] if share["amount"]]
    return TaxView(
        title=_tax_title(shares[0]["tax_rate_details"]) if len(shares) == 1 else "Tax" if shares else "",
        of_goods=tuple(by_sku.get(sku, 0) for sku in asked.skus),
        of_shipping=(raw.get("shipping_cost") or {}).get("amount_tax", 0),
    )


def _tax_title(rate: Any) -> str:
    name = TAX_NAMES.get(rate.get("tax_type") or "", "Tax")
    return f"{name} {percent(round(float(rate.get('percentage_decimal') or 0) * 100))}"
