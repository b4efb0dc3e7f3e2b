"""After the sale, by the order's secret address: withdraw, cancel, send back; and wait or not for a later date.

Looking changes nothing; each deed is a form that is sent, and a request is shown whole before it is confirmed.
"""

from typing import Any

from django import forms
from django.core.validators import MaxLengthValidator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from checkout import delays, fan_requests
from checkout.after_sale import RequestKind
from checkout.errors import CannotAnswer, CannotAsk
from checkout.fan_requests import LONGEST_REASON, LineOption, Options
from checkout.models import Order
from checkout.orders import OPEN
from checkout.queries import order_view
from checkout.views.order import _found, _order_page, posted_from, secret_address
from merchant.clock import now

KINDS = {"withdraw": RequestKind.WITHDRAWAL, "return": RequestKind.RETURN, "cancel": RequestKind.CANCELLATION}
WORDS: dict[str, dict[str, str]] = {
    RequestKind.WITHDRAWAL: {
        "title": "Withdraw from the contract",
        "lead": "Within the time that the law gives you, you need no reason and nobody has to agree.",
        "next": "Continue",
        "confirm": "Confirm withdrawal",
        "then": "We confirm it by e-mail at once, with these words and the time.",
    },
    RequestKind.RETURN: {
        "title": "Send something back",
        "lead": "Say what you want to send back and why. A person looks at it and answers by e-mail.",
        "next": "Continue",
        "confirm": "Send this request",
        "then": "We confirm it by e-mail at once. Keep the goods until we have answered.",
    },
    RequestKind.CANCELLATION: {
        "title": "Cancel what has not left yet",
        "lead": "Say what you no longer want. A person looks at it and answers by e-mail.",
        "next": "Continue",
        "confirm": "Send this request",
        "then": "We confirm it by e-mail at once. What leaves before we have answered can be sent back.",
    },
}


class RequestForm(forms.Form):
    """Who asks, how to reach them, how many of each line; for all but a withdrawal, why."""

    name = forms.CharField(max_length=120, error_messages={"required": "Enter your name."})
    email = forms.EmailField(
        max_length=254,
        error_messages={"required": "Enter your e-mail.", "invalid": "Enter an e-mail like name@example.com."},
    )
    reason = forms.CharField(required=False, validators=[MaxLengthValidator(LONGEST_REASON)])
    seen = forms.IntegerField(min_value=0)

    def __init__(self, kind: RequestKind, may: Options, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines: dict[str, LineOption] = {f"line_{one.line_id}": one for one in may.lines[kind] if one.units}
        for name, line in self.lines.items():
            most = line.units
            self.fields[name] = forms.TypedChoiceField(
                coerce=int,
                choices=[(number, str(number)) for number in range(most + 1)],
                error_messages={"invalid_choice": f"Choose 0 to {most}.", "required": f"Choose 0 to {most}."},
            )

    @property
    def units(self) -> dict[int, int]:
        chosen = {line.line_id: self.cleaned_data[name] for name, line in self.lines.items()}
        return {line_id: quantity for line_id, quantity in chosen.items() if quantity}

    @property
    def problems(self) -> list[str]:
        """Errors at no field that a fan sees."""
        return [*self.non_field_errors(), *self.errors.get("seen", [])]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and not self.units:
            self.add_error(None, "Choose at least one piece.")
        return cleaned


@secret_address
def withdraw(request: HttpRequest, token: str) -> HttpResponse:
    """The withdrawal function of Directive 2011/83/EU, Article 11a."""
    return _ask(request, token, RequestKind.WITHDRAWAL)


@secret_address
def give_back(request: HttpRequest, token: str) -> HttpResponse:
    return _ask(request, token, RequestKind.RETURN)


@secret_address
def cancel_some(request: HttpRequest, token: str) -> HttpResponse:
    return _ask(request, token, RequestKind.CANCELLATION)


@secret_address
@posted_from("checkout:order")
def delay(request: HttpRequest, token: str) -> HttpResponse:
    """The fan's answer to a later ship date."""
    found, word = _found(token), request.POST.get("answer", "")
    if word not in ("wait", "refund"):
        return _order_page(request, found, "Choose whether you want to wait or have your money back.")
    try:
        delays.answer(found.pk, wait=word == "wait", now=now())
    except CannotAnswer as refusal:
        return _order_page(request, found, str(refusal))
    return redirect("checkout:order", token)


def _ask(request: HttpRequest, token: str, kind: RequestKind) -> HttpResponse:
    order = _found(token)
    may = fan_requests.options(order, now())
    if request.method != "POST":
        return _form_page(request, order, kind, may, _fresh_form(order, kind, may))
    if not may.may(kind):
        return _twin_or_over(request, token, order, kind, may)
    form = RequestForm(kind, may, request.POST)
    if not form.is_valid() or "back" in request.POST:
        return _form_page(request, order, kind, may, form)
    if "confirmed" not in request.POST:
        return _form_page(request, order, kind, may, form, review=True)
    said = form.cleaned_data
    try:
        fan_requests.ask(
            order.pk,
            kind,
            form.units,
            name=said["name"],
            email=said["email"],
            reason=said["reason"] if kind != RequestKind.WITHDRAWAL else "",
            seen=said["seen"],
            now=now(),
        )
    except CannotAsk as refusal:
        form.add_error(None, str(refusal))
        return _form_page(request, order, kind, fan_requests.options(order, now()), form)
    return _done(token)


def _twin_or_over(request: HttpRequest, token: str, order: Order, kind: RequestKind, may: Options) -> HttpResponse:
    """Nothing is left to ask for: pressed twice it was asked for a moment ago, else the page says why."""
    if "confirmed" in request.POST and order.fan_requests.filter(kind=kind).exists():
        return _done(token)
    return _form_page(request, order, kind, may, _fresh_form(order, kind, may))


def _done(token: str) -> HttpResponse:
    response = redirect("checkout:order", token)
    response["Location"] += "#requests"
    response.status_code = 303
    return response


def _fresh_form(order: Order, kind: RequestKind, may: Options) -> RequestForm:
    first: dict[str, Any] = {"name": order.name, "email": order.email, "seen": may.seen}
    whole = {f"line_{line.line_id}": line.units for line in may.lines[kind]}
    return RequestForm(kind, may, initial=first | whole)


def _form_page(
    request: HttpRequest, order: Order, kind: RequestKind, may: Options, form: RequestForm, *, review: bool = False
) -> HttpResponse:
    if kind not in KINDS.values():
        raise Http404
    wrong = form.is_bound and bool(form.errors)
    words = ""
    if review:
        said = form.cleaned_data
        reason = said["reason"] if kind != RequestKind.WITHDRAWAL else ""
        words = fan_requests.statement(order, kind, form.units, name=said["name"], reason=reason)
    context = {
        "order": order_view(order, now()),
        "kind": kind,
        "words": WORDS[kind],
        "may": may,
        "can": may.may(kind),
        "is_open": order.state in OPEN,
        "form": form,
        "lines": [(form[name], line) for name, line in form.lines.items()],
        "hurdles": [line for line in may.lines[kind] if line.hurdle],
        "review": review,
        "statement": words,
        "longest": LONGEST_REASON,
    }
    return render(request, "checkout/ask.html", context, status=422 if wrong else 200)
