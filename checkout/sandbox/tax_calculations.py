"""Stripe Tax's calculations, with a handful of rates. https://docs.stripe.com/api/tax/calculations/create"""

from decimal import ROUND_HALF_UP, Decimal

from .errors import Json, invalid
from .ids import new_id
from .params import Params, unflatten_address
from .state import Call, Sandbox

DAYS_90 = 90 * 24 * 3600
BEHAVIOURS = ("exclusive", "inclusive")
# Percentages and kinds, for trying out; nobody's real taxes.
COUNTRIES = {"DE": ("19", "vat"), "AT": ("20", "vat"), "FR": ("20", "vat"), "GB": ("20", "vat"), "CA": ("5", "gst")}
STATES = {"CA": "8.25", "NY": "8.875", "WA": "10.25", "TX": "6.25"}


def create(box: Sandbox, call: Call) -> Json:
    params = call.params
    params.only("currency", "customer_details", "line_items", "shipping_cost", "tax_date")
    currency, address = params.currency("currency"), _address(params.nested("customer_details"))
    rate, kind = _rate(address)
    lines = [_line(item, rate) for item in params.items("line_items")]
    if not lines:
        raise invalid("Missing required param: line_items.", param="line_items", code="parameter_missing")
    shipping = _taxed(params.nested("shipping_cost"), rate) if "shipping_cost" in params else None
    identifier = new_id("taxcalc")
    calculation = {
        "id": identifier,
        "object": "tax.calculation",
        **_amounts([*lines, *([shipping] if shipping else [])], rate, kind, address),
        "currency": currency,
        "customer": None,
        "customer_details": {"address": address, "address_source": "shipping", "tax_ids": []},
        "created": box.now,
        "expires_at": box.now + DAYS_90,
        "line_items": {
            "object": "list",
            "data": lines,
            "has_more": False,
            "url": f"/v1/tax/calculations/{identifier}/line_items",
        },
        "livemode": False,
        "ship_from_details": None,
        "shipping_cost": shipping,
        "tax_date": params.integer("tax_date") or box.now,
    }
    box.store.put(calculation)
    return calculation


def _address(details: Params) -> Json:
    details.only("address", "address_source")
    details.choice("address_source", ("billing", "shipping"), "shipping")
    address = details.nested("address")
    address.only("line1", "line2", "city", "state", "postal_code", "country")
    country = address.required("country")
    if country == "US" and not address.text("postal_code"):
        message = "We could not determine the customer's tax location based on the provided customer address."
        raise invalid(message, param="customer_details[address]", code="customer_tax_location_invalid")
    return unflatten_address(address.values)


def _rate(address: Json) -> tuple[Decimal, str]:
    if address["country"] == "US":
        return Decimal(STATES.get((address["state"] or "").upper(), "0")), "sales_tax"
    percent, kind = COUNTRIES.get(address["country"], ("0", "vat"))
    return Decimal(percent), kind


def _line(item: Params, rate: Decimal) -> Json:
    item.only("amount", "quantity", "reference", "tax_behavior", "tax_code")
    return {
        "id": new_id("tax_li"),
        "object": "tax.calculation_line_item",
        **_taxed(item, rate),
        "livemode": False,
        "product": None,
        "quantity": item.integer("quantity", least=1) or 1,
        "reference": item.required("reference"),
    }


def _taxed(item: Params, rate: Decimal) -> Json:
    amount = item.required_integer("amount", least=0)
    behaviour = item.choice("tax_behavior", BEHAVIOURS, "exclusive")
    divisor = 100 + rate if behaviour == "inclusive" else Decimal(100)
    tax = (amount * rate / divisor).quantize(Decimal(1), ROUND_HALF_UP)
    code = item.text("tax_code") or "txcd_99999999"
    return {"amount": amount, "amount_tax": int(tax), "tax_behavior": behaviour, "tax_code": code}


def _amounts(taxed: list[Json], rate: Decimal, kind: str, address: Json) -> Json:
    sums = {each: sum(one["amount_tax"] for one in taxed if one["tax_behavior"] == each) for each in BEHAVIOURS}
    details = {
        "country": address["country"],
        "flat_amount": None,
        "percentage_decimal": f"{rate.normalize():f}",
        "rate_type": "percentage",
        "state": address["state"],
        "tax_type": kind,
    }
    return {
        "amount_total": sum(one["amount"] for one in taxed) + sums["exclusive"],
        "tax_amount_exclusive": sums["exclusive"],
        "tax_amount_inclusive": sums["inclusive"],
        "tax_breakdown": [
            {
                "amount": sum(sums.values()),
                "inclusive": taxed[0]["tax_behavior"] == "inclusive",
                "tax_rate_details": details,
                "taxability_reason": "standard_rated" if rate else "not_collecting",
                "taxable_amount": sum(one["amount"] for one in taxed) - sums["inclusive"],
            }
        ],
    }
