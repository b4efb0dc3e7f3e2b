"""Every refusal of an order, said twice: as a problem for machines (RFC 9457) and in words for people. One table."""

from collections.abc import Callable
from typing import Any

from checkout import errors as e
from drops import errors as d
from merchant.problems import Problem
from policies.errors import PolicyUnanswered

Teller = Callable[[Any], Problem]


def _sold_out(error: d.SoldOut) -> Problem:
    if error.in_other_carts:
        return Problem(
            "in-other-carts", 409, f"{error.sku} is in other carts right now. Some may come back within minutes."
        )
    return Problem("sold-out", 409, f"{error.sku} is sold out.")


def _not_open(error: d.NotOpen) -> Problem:
    if error.opens_at is None:
        return Problem("not-open", 409, "This drop is not on sale now.")
    opens = error.opens_at.isoformat().replace("+00:00", "Z")
    return Problem("not-open", 409, "This drop has not started yet.", {"opens_at": opens})


def _too_many_cards(error: e.TooManyCards) -> Problem:
    if error.retry_after is None:
        told = "Too many cards were refused for this order, so no more are tried. It stays held until its time is up."
        return Problem("slow-down", 429, f"{told} Write to us if you want it.", headers={"Retry-After": "3600"})
    minutes = -(-error.retry_after // 60)
    told = (
        f"Too many cards were refused from where you are. Try again in {minutes} min; an order you placed stays held."
    )
    return Problem("slow-down", 429, told, headers={"Retry-After": str(error.retry_after)})


def _total_changed(error: e.TotalChanged) -> Problem:
    why = f"{error.why} " if error.why else ""
    return Problem("total-changed", 409, f"{why}The total is {error.fresh.total} now. Please agree to it again.")


def _too_many_joins(error: e.TooManyJoins) -> Problem:
    told = f"Too many joined waiting lists from where you are. Try again in {-(-error.retry_after // 60)} min."
    return Problem("slow-down", 429, told, headers={"Retry-After": str(error.retry_after)})


TELLERS: dict[type[Exception], Teller] = {
    d.SoldOut: _sold_out,
    d.NotOpen: _not_open,
    d.StillThere: lambda _: Problem("still-there", 409, "It is on sale right now: there is nothing to wait for."),
    e.WaitingListOff: lambda _: Problem("no-waiting-list", 409, "This drop has no waiting list."),
    e.NotWaiting: lambda _: Problem("not-waiting", 409, "This place on the list is over, or was taken already."),
    e.TooManyJoins: _too_many_joins,
    d.HoldExpired: lambda _: Problem("hold-expired", 409, "Your hold ended, and what it kept has gone to others."),
    e.HoldEnded: lambda _: Problem("hold-expired", 409, "Your hold ended, and what it kept has gone to others."),
    d.LimitReached: lambda error: Problem(
        "limit-reached", 409, f"{error.limit} of {error.sku} is the most for one person, earlier orders included."
    ),
    d.UnknownOffer: lambda _: Problem(
        "invalid", 422, "This is not sold in this drop.", {"errors": {"lines": "Not sold in this drop."}}
    ),
    e.Invalid: lambda error: Problem("invalid", 422, "Some fields need another look.", {"errors": error.fields}),
    e.KeyReused: lambda _: Problem("idempotency-key-reused", 422, "This Idempotency-Key was used for another body."),
    e.KeyInFlight: lambda _: Problem(
        "idempotency-in-flight", 409, "The first request with this key is still being answered."
    ),
    e.Busy: lambda _: Problem(
        "try-again", 503, "Many order at this moment. Send the same order again.", headers={"Retry-After": "1"}
    ),
    e.TooManyCards: _too_many_cards,
    e.QuoteExpired: lambda _: Problem("total-changed", 409, "The quote is too old. Please look at the total again."),
    e.TotalChanged: _total_changed,
    e.PoliciesChanged: lambda _: Problem(
        "policy-changed", 409, "What you should know has changed. Please read it again."
    ),
    e.Restricted: lambda error: Problem("restricted", 403, error.reason),
    e.AgeRequired: lambda error: Problem(
        "age-required",
        422,
        error.age.question,
        {"minimum_age": error.age.minimum, "proof": error.age.proof, "rule": error.age.rule},
    ),
    e.AlreadyOrdered: lambda _: Problem("already-ordered", 409, "This cart has become an order."),
    e.NothingToPay: lambda _: Problem(
        "nothing-to-pay", 409, "No card is wanted for this order now. Look at its status."
    ),
    e.BeingPaid: lambda _: Problem(
        "being-paid",
        409,
        "It is being paid at this moment, so it was not cancelled. Look again in a few seconds.",
        headers={"Retry-After": "5"},
    ),
    e.IllegalMove: lambda _: Problem("cannot-cancel", 409, "This order cannot be changed any more."),
    e.GatewayError: lambda _: Problem(
        "try-again",
        503,
        "The payment provider does not answer right now. Your order is kept; try again in a minute.",
        headers={"Retry-After": "60"},
    ),
    PolicyUnanswered: lambda error: Problem(
        "policy-unanswered",
        422,
        "Please read and tick: " + ", ".join(policy.title for policy in error.missing) + ".",
        {"missing": [policy.id for policy in error.missing]},
    ),
}


def problem_of(error: Exception) -> Problem | None:
    """The problem that says this error to a machine, or None when it is not a refusal."""
    for kind in type(error).__mro__:
        if kind in TELLERS:
            return TELLERS[kind](error)
    return None


def in_words(error: Exception) -> str:
    """One sentence for a page."""
    if isinstance(error, e.Invalid) and error.fields:
        return next(iter(error.fields.values()))
    problem = problem_of(error)
    return problem.detail if problem else "Choose a number."
