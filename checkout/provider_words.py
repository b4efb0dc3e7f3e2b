"""What the payment provider's codes mean, in words for staff. The codes stay beside them: its support asks for those.

Statuses and events: https://docs.stripe.com/payments/paymentintents/lifecycle, https://docs.stripe.com/api/events/types.
Refusals: https://docs.stripe.com/declines/codes, https://docs.stripe.com/refunds#failed-refunds.
"""

from merchant.journal_words import plain

STATUSES = {
    "requires_payment_method": "Waits for a card",
    "requires_confirmation": "Has a card and was not asked to charge it yet",
    "requires_action": "Waits for the fan to confirm at their bank",
    "requires_capture": "The bank set the amount aside, nothing is charged yet",
    "processing": "The bank is working on it",
    "succeeded": "The money came",
    "canceled": "Closed, nothing can be charged any more",
    "session open": "Its page is open, the fan has not paid yet",
    "session complete": "The fan is through with its page",
    "session expired": "Its page is closed, nobody can pay there any more",
}
EVENTS = {
    "payment_intent.succeeded": "The money came",
    "payment_intent.payment_failed": "A payment was refused",
    "payment_intent.processing": "The bank is working on a payment",
    "payment_intent.requires_action": "The fan has to confirm at their bank",
    "payment_intent.amount_capturable_updated": "The bank set the amount aside",
    "payment_intent.canceled": "A payment was closed",
    "checkout.session.completed": "The fan is through with the provider's page",
    "checkout.session.expired": "The provider's page closed",
    "checkout.session.async_payment_succeeded": "A slow payment came",
    "checkout.session.async_payment_failed": "A slow payment was refused",
    "refund.created": "A refund was made",
    "refund.updated": "A refund moved on",
    "refund.failed": "A refund did not get through",
    "charge.refunded": "Money went back",
    "charge.dispute.created": "The bank disputes a payment",
    "charge.dispute.updated": "A dispute moved on",
    "charge.dispute.funds_withdrawn": "The bank took disputed money",
    "charge.dispute.funds_reinstated": "The bank gave disputed money back",
    "charge.dispute.closed": "A dispute is decided",
}
PROBLEMS = {
    "action": "The bank wants the fan to confirm",
    "authentication_required": "The bank wants the fan to confirm",
    "card_declined": "The bank declined the card",
    "card_velocity_exceeded": "The card was used too often in a short time",
    "card_wanted": "The fan has not entered a card",
    "do_not_honor": "The bank declined the card and gives no reason",
    "expired_card": "The card has expired",
    "fraudulent": "The bank took it for fraud",
    "generic_decline": "The bank declined the card and gives no reason",
    "incorrect_cvc": "The security code was wrong",
    "incorrect_number": "The card number was wrong",
    "insufficient_funds": "There was not enough money on the card",
    "invalid_cvc": "The security code was wrong",
    "lost_card": "The card was reported lost",
    "payment_intent_authentication_failure": "The fan did not confirm at their bank",
    "processing_error": "Something failed between the provider and the bank",
    "stolen_card": "The card was reported stolen",
}
REFUNDS = {
    "charge_for_pending_refund_disputed": "The fan disputed the payment meanwhile",
    "declined": "The bank declined the refund",
    "expired_or_canceled_card": "The card has expired or was cancelled",
    "insufficient_funds": "There was not enough money in the shop's balance",
    "lost_or_stolen_card": "The card was reported lost or stolen",
    "merchant_request": "It was stopped at the shop's wish",
    "unknown": "The bank gives no reason",
}
DISPUTES = {
    "needs_response": "Waits for your answer",
    "under_review": "The bank is deciding",
    "won": "Won",
    "lost": "Lost",
    "warning_needs_response": "The bank asks, and took no money yet",
    "warning_under_review": "The bank reads your answer, and took no money yet",
    "warning_closed": "The bank asked, and took no money",
    "prevented": "Settled before it became one",
}
# What the bank's customer says, as the bank passes it on: https://docs.stripe.com/disputes/categories.
DISPUTE_REASONS = {
    "bank_cannot_process": "The bank could not process the payment",
    "check_returned": "The bank returned the cheque",
    "credit_not_processed": "The fan waits for money that was to come back",
    "customer_initiated": "The fan asked their bank for the money back",
    "debit_not_authorized": "The fan says they did not allow the debit",
    "duplicate": "The fan says they were charged twice",
    "fraudulent": "The fan says it was not them who paid",
    "general": "The fan objects, and the bank gives no reason",
    "incorrect_account_details": "The account's details were wrong",
    "insufficient_funds": "There was not enough money in the account",
    "noncompliant": "The bank says that a rule of the card network was broken",
    "product_not_received": "The fan says it did not arrive",
    "product_unacceptable": "The fan says it is broken, or not what was promised",
    "subscription_canceled": "The fan says they had cancelled",
    "unrecognized": "The fan does not recognise the payment",
}


def status(code: str) -> str:
    """Where a payment stands with the provider."""
    return STATUSES.get(code) or (plain(code) if code else "Nothing yet")


def path(label: str) -> str:
    """The label of a payment's path, less the provider's own name for it: ``On our page (PaymentIntent)``."""
    return label.partition(" (")[0]


def event(code: str) -> str:
    """What a piece of payment news tells."""
    return EVENTS.get(code) or plain(code)


def problem(code: str) -> str:
    """Why a payment did not get through."""
    return PROBLEMS.get(code) or plain(code)


def refund_problem(code: str) -> str:
    """Why a refund came back."""
    return REFUNDS.get(code) or plain(code)


def dispute_status(code: str) -> str:
    """Where a dispute stands with the bank."""
    return DISPUTES.get(code) or plain(code)


def dispute_reason(code: str) -> str:
    """Why a bank disputes a payment."""
    return DISPUTE_REASONS.get(code) or (plain(code) if code else "The bank gives no reason")
