"""With which kinds of methods a payment may be made, and what is refused because of it.

The account of the sandbox has two switched on: cards, and a bank account in the United States, which is slow.
"""

from .config import API_VERSION
from .errors import Json, invalid, refused
from .params import Params
from .state import Call
from .store import public

ENABLED = ("card", "us_bank_account")
# All that can be left out, as https://docs.stripe.com/api/payment_intents/create has them.
KNOWN = (
    *("acss_debit", "affirm", "afterpay_clearpay", "alipay", "alma", "amazon_pay", "au_becs_debit", "bacs_debit"),
    *("bancontact", "billie", "bizum", "blik", "boleto", "card", "cashapp", "crypto", "customer_balance", "eps", "fpx"),
    *("giropay", "grabpay", "ideal", "kakao_pay", "klarna", "konbini", "kr_card", "mb_way", "mobilepay", "multibanco"),
    *("naver_pay", "nz_bank_account", "oxxo", "p24", "pay_by_bank", "payco", "paynow", "paypal", "paypay", "payto"),
    *("pix", "promptpay", "revolut_pay", "samsung_pay", "satispay", "scalapay", "sepa_debit", "sequra", "sofort"),
    *("sunbit", "swish", "twint", "upi", "us_bank_account", "wechat_pay", "zip"),
)
LEFT_OUT = "excluded_payment_method_types"
LISTED = "payment_method_types"


def refuse_list(call: Call) -> None:
    """From this version on the methods of a payment are the dashboard's, less what is left out.
    https://docs.stripe.com/changelog/endive/2026-09-30/removes-the-payment-method-types-parameter-from-payment-intents-and-setup-intents
    """
    if LISTED in call.params and call.version == API_VERSION:
        message = f"The `{LISTED}` parameter is no longer supported. Manage payment methods in your Dashboard instead."
        raise invalid(message, param=LISTED, code="payment_method_types_no_longer_supported")


def left_out(params: Params) -> list[str]:
    """What the caller does not want, by Stripe's names. A name that Stripe does not know is a 400."""
    names = params.texts(LEFT_OUT)
    for index, name in enumerate(names):
        if name not in KNOWN:
            raise invalid(
                f"Invalid {LEFT_OUT}[{index}]: must be one of {', '.join(KNOWN)}", param=f"{LEFT_OUT}[{index}]"
            )
    return names


def offered(params: Params) -> list[str]:
    """What is left to pay with."""
    unwanted = left_out(params)
    types = params.texts(LISTED) or [name for name in ENABLED if name not in unwanted]
    if not types:
        raise invalid(
            "No valid payment method types for this Payment Intent. Please ensure that you have activated payment "
            "methods compatible with your chosen currency in your dashboard."
        )
    return types


def refuse(intent: Json, method: Json) -> None:
    """A method of a kind that this payment is not made with."""
    types = intent[LISTED]
    if method["type"] in types:
        return
    raise refused(
        f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent. Please attach a "
        f"PaymentMethod of one of the following types: {', '.join(types)}.",
        param="payment_method",
        payment_intent=public(intent),
    )
