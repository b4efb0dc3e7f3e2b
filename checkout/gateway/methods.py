"""Ways to pay, by the provider's names. https://docs.stripe.com/payments/payment-methods#payment-notification

Which of them fans are offered is chosen in the provider's dashboard; what the shop does not want is left out here, by
name: a list of what it does take would replace the dashboard's choice.
"""

from typing import Any

# What the provider calls delayed: debits, bank transfers, and slips that are paid at a counter. Nobody knows for days.
SLOW = (
    *("acss_debit", "au_becs_debit", "bacs_debit", "nz_bank_account", "sepa_debit", "us_bank_account"),
    *("customer_balance", "sofort"),
    *("boleto", "konbini", "multibanco", "oxxo"),
)


def left_out(*, slow: bool) -> list[str]:
    """What no form and no payment may offer; ``slow``: whether the shop takes what needs days."""
    return [] if slow else list(SLOW)


def without(names: list[str]) -> dict[str, Any]:
    """Of a payment that is made. https://docs.stripe.com/changelog/clover/2025-09-30/exclude-payment-methods-checkout-sessions"""
    return {"excluded_payment_method_types": names} if names else {}
