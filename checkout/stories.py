"""What an order's state means to its fan: what happened, what happens next, what they can do. One table."""

from dataclasses import dataclass
from typing import Literal

from checkout.models import OrderState as S, PaymentPath

Tone = Literal["good", "wait", "act", "bad"]


@dataclass(frozen=True, slots=True)
class Story:
    """``{until}`` is the time until which the units are held, ``{ended}`` when the order ended, ``{where}`` the place
    that its units go to, ``{email}`` the fan's address, ``{support}`` ours, ``{held}`` what a bank
    keeps in a dispute."""

    headline: str
    explanation: str
    next_step: str
    tone: Tone


STORIES: dict[str, Story] = {
    S.PLACED: Story(
        "Yours for now; paying…",
        "Your order is held until {until}. We are about to ask your bank.",
        "Nothing to do. This page changes by itself.",
        "wait",
    ),
    S.AUTHORISING: Story(
        "One moment, your bank is answering",
        "Your order is held while your bank decides. You are charged once, or not at all.",
        "Nothing to do. This page changes by itself.",
        "wait",
    ),
    S.ACTION_REQUIRED: Story(
        "One step left: pay for your order",
        "Your order is held until {until}. {error}",
        "Pay before then and they are yours.",
        "act",
    ),
    S.DEFERRED: Story(
        "Held for you until {until}",
        "Our payment provider is slow right now, so we keep your order and keep trying. {charged}",
        "Nothing to do. We write to {email} as soon as it is paid.",
        "wait",
    ),
    S.PROCESSING: Story(
        "Your bank needs a little longer",
        "Your payment is on its way, which can take some days. What you ordered is held for it until {until}.",
        "Nothing to do. We write to {email} when it has arrived; from then on this page lets you cancel or withdraw.",
        "wait",
    ),
    S.CONFIRMED: Story(
        "Yours.",
        "Your payment arrived and your order is confirmed.",
        "We have written to {email}, and write again when it ships.",
        "good",
    ),
    S.EXPIRED: Story(
        "Your hold ended",
        "The order was not paid in time, so what was in it went {where}. {not_charged}",
        "If there is stock left you can order again; if not, you can join the waiting list on the page of the drop.",
        "bad",
    ),
    S.CANCELLED: Story(
        "Cancelled",
        "This order was cancelled, and what was in it went {where}. {returned}",
        "You can order again while there is stock.",
        "bad",
    ),
    S.LATE_PAID: Story(
        "Your payment came after the hold had ended",
        "What you ordered had gone {where} by then. We are sending your money back in full.",
        "Nothing to do. It reaches your account within 5 to 10 days.",
        "wait",
    ),
}
FIRST_IN_LINE = Story(
    "You are first in line",
    "Your payment came after the hold had ended, and what you ordered was sold meanwhile. You are at the head of the "
    "waiting list: what comes back is yours, without paying again. If nothing has come by {refund_by}, your money goes "
    "back in full.",
    "Nothing to do. We write to {email} either way. You can also have your money back now.",
    "wait",
)
BANK_DECIDES = Story(
    "Your bank holds this money",
    "Your payment came after the hold had ended, and what you ordered was sold meanwhile. You asked your bank for the "
    "money back: it holds {held} until it has decided, and so long we cannot send it ourselves.",
    "Nothing to do. Your bank writes to you when it has decided.",
    "wait",
)
BANK_GAVE_BACK = Story(
    "Your bank gave you the money back",
    "Your payment came after the hold had ended, and what you ordered was sold meanwhile. Your bank decided for you: "
    "{held} went back to you through it.",
    "Nothing to do. Ask your bank if you do not see it in your account.",
    "wait",
)
STILL_WITH_US = Story(
    "Your money is still with us",
    "Your payment came after the hold had ended, and what you ordered was sold meanwhile. You asked your bank for the "
    "money back, and it decided that the payment stands: nothing of it is on its way to you right now.",
    "A person looks at it. If you hear nothing, write to {support}.",
    "wait",
)
SET_ASIDE = Story(
    "Your bank said yes; one moment",
    "It has set {total} aside and nothing of it is taken yet. We make sure that what you ordered is yours, then it is "
    "charged, once.",
    "Nothing to do. This page changes by itself.",
    "wait",
)
FIRST_IN_LINE_UNCHARGED = Story(
    "You are first in line",
    "Your bank said yes after the hold had ended, and what you ordered was sold meanwhile. You have not been charged: "
    "your bank only keeps {total} aside. You are at the head of the waiting list: what comes back is yours, and only "
    "then are you charged. If nothing has come by {refund_by}, your bank is told to let the amount go.",
    "Nothing to do. We write to {email} either way. You can also have it let go now.",
    "wait",
)
HAD_AGAIN = Story(
    "Your bank said yes; one moment",
    "It said so after the hold had ended, and what you ordered was still there: it is held for you again while "
    "{total} is charged, once.",
    "Nothing to do. We write to {email} as soon as it is paid.",
    "wait",
)
LETTING_GO = Story(
    "You are not charged",
    "What you ordered was sold meanwhile. We have not taken the {total} that your bank set aside, and are telling it "
    "to let the amount go.",
    "Nothing to do. We write to {email} when that is done.",
    "wait",
)
PROVIDER_TOO_SLOW = Story(
    "We could not take your payment in time",
    "Our payment provider did not answer until {ended}, so we could not keep your order any longer: what was in it "
    "went {where}. {not_charged}",
    "We are sorry. If it is sold out, you can join the waiting list on the page of the drop.",
    "bad",
)
WE_WERE_TOO_SLOW = Story(
    "We could not take your payment in time",
    "We had not got to your payment by {ended}, and could not keep your order any longer: what was in it went {where}. "
    "That is our fault, not yours. {not_charged}",
    "We are sorry. If it is sold out, you can join the waiting list on the page of the drop.",
    "bad",
)
BANK_TOO_SLOW = Story(
    "Your bank took too long",
    "Your payment had not come by {ended}, and we could not keep your order any longer: what was in it went {where}. "
    "Should it still come, either what you ordered is yours after all or your money goes back in full.",
    "Nothing to do. We write to {email} if it comes.",
    "bad",
)
# An order that ended when it was not its fan's turn, by the state it ended from.
OUR_DELAYS: dict[str, Story] = {
    S.PLACED: WE_WERE_TOO_SLOW,
    S.AUTHORISING: WE_WERE_TOO_SLOW,
    S.DEFERRED: PROVIDER_TOO_SLOW,
    S.PROCESSING: BANK_TOO_SLOW,
}
NO_CARD_YET = Story(
    "One step left: pay for your order",
    "Your order is held until {until}. No card has come with it yet, so nothing has been charged.",
    "Pay before then and they are yours.",
    "act",
)
NEEDS_BANK = Story(
    "Your bank wants a word",
    "Your order is held until {until}. Your bank asks you to confirm this payment.",
    "Confirm it now, and they are yours.",
    "act",
)
CARD_DECLINED = Story(
    "That card did not work",
    "{error} Your order is held until {until}, and you have not been charged.",
    "Use another card before then.",
    "act",
)
CARDS_USED_UP = Story(
    "No more cards are tried",
    "Too many cards were refused for this order. It stays held until {until}, and you have not been charged.",
    "Write to {support} if you want it.",
    "act",
)

# Between the end of a hold and the provider's word: seconds, or as long as it does not answer.
TIME_IS_UP = Story(
    "Your time is up",
    "Your order was held until {until}. It ends as soon as our payment provider confirms that nothing can be paid on "
    "it any more. {charged}",
    "Nothing to do. We write to {email} when it is over; if it turns out to be paid, it is yours.",
    "wait",
)
GOING_BACK = Story(
    "Your money is on its way back",
    "What you paid is being sent back in full to the card or account you paid with.",
    "Nothing to do. We write to {email} when it has left.",
    "wait",
)
REFUNDED = Story(
    "Refunded",
    "{refunded} went back to the card or account you paid with.",
    "It reaches you within 5 to 10 days. There is nothing to do.",
    "wait",
)
REFUND_FAILED = Story(
    "A refund did not get through",
    "We sent money back to the card or account you paid with, and it came back to us.",
    "Nothing to do: a person looks at it and sends it again. If you hear nothing, write to {support}.",
    "wait",
)
PARTLY_REFUNDED = Story(
    "Yours, and partly refunded",
    "Your order is confirmed, and {refunded} of {total} went back to the card or account you paid with.",
    "It reaches you within 5 to 10 days. There is nothing to do.",
    "good",
)
ON_ITS_WAY = Story(
    "Yours, and on its way",
    "Your order is confirmed, and a parcel has left us. What is in it stands below, under Parcels.",
    "Nothing to do.",
    "good",
)
ARRIVED = Story(
    "Yours.",
    "Your order is confirmed, and what we sent has arrived.",
    "Keep this page as your receipt. If something is wrong with it, write to {support}.",
    "good",
)
FREE_OF_CHARGE = Story(
    "Yours.",
    "There was nothing to pay, and your order is confirmed.",
    "We have written to {email}, and write again when it ships.",
    "good",
)
TO_PICK_UP = Story(
    "Yours. Pick it up by {until}",
    "Your order is confirmed and waits for you. {place} You pay when you collect it; nothing has been charged.",
    "Show this page when you come. What is not collected by then goes {where}.",
    "good",
)
PICKED_UP = Story("Yours.", "You picked it up and paid. Thank you.", "Keep this page as your receipt.", "good")
GIVEN_BACK = Story(
    "Given back",
    "You got {refunded} of {total} back where you picked it up.",
    "Keep this page as your receipt.",
    "good",
)
NOT_KEPT = Story(
    "Cancelled",
    "The shop does not keep it for you any more. You have not been charged.",
    "If that surprises you, write to {support}.",
    "bad",
)
NOT_COLLECTED = Story(
    "Not picked up in time",
    "It was not collected by {until}, so it went {where}. You have not been charged.",
    "You can order again while there is stock.",
    "bad",
)

# The timeline: the journal's verbs in a fan's words. What is not here is for staff only.
TIMELINE = {
    "placed": "Order placed and held for you",
    S.AUTHORISING: "Asked your bank",
    S.ACTION_REQUIRED: "Waiting for you",
    S.DEFERRED: "Payment provider slow; order kept, we keep trying",
    S.PROCESSING: "Payment on its way",
    S.CONFIRMED: "Paid and confirmed",
    "collected": "Picked up and paid",
    S.EXPIRED: "Hold ended, units let go",
    S.CANCELLED: "Cancelled",
    S.LATE_PAID: "Payment arrived after the hold had ended",
    "authorised": "Your bank said yes and set the amount aside",
    "letting_go": "Your bank is told to let the amount go",
    "let_go": "The amount was let go; you were not charged",
    "paid_twice": "A second payment came; it goes back to you",
    "surplus_refunded": "Second payment sent back",
    "shipped": "On its way to you",
    "delivered": "Delivered",
    "withdrawal_declared": "You withdrew from the contract",
    "return_requested": "You asked to send something back",
    "cancellation_requested": "You asked to cancel",
    "request_accepted": "We said yes",
    "request_declined": "We could not do what you asked",
    "request_received": "What you sent back has arrived",
    "request_closed": "What you asked for has been given back",
    "delay_asked": "We asked whether you want to wait longer",
    "delay_consented": "You chose to wait for the new date",
    "delay_refund_wanted": "You chose your money back",
    "delay_unanswered": "No answer about the new date; your money goes back",
    "refund_requested": "Refund started",
    "refunded": "Refunded",
}
# Where the way of paying tells it otherwise.
TIMELINES: dict[str, dict[str, str]] = {
    PaymentPath.PICKUP: TIMELINE
    | {S.CONFIRMED: "Confirmed, to be paid at pick-up", S.CANCELLED: "Not picked up in time"},
    PaymentPath.FREE: TIMELINE | {S.CONFIRMED: "Confirmed, nothing to pay"},
}
