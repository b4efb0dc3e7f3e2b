"""Waiting lists at the desk: who waits for what, which one in line, and what became of offers."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import Count, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.contrib.filters.admin import ChoicesCheckboxFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from checkout import waiting_list, waiting_offers
from checkout.errors import NotWaiting
from checkout.waiting_models import PlaceState, WaitingPlace
from merchant.clock import now
from merchant.desk import ConfirmDialog, PanelAdmin, WhyField, actor, dialog, done, moment_cell, moment_words, story_of

TONES = {
    PlaceState.WAITING.label: "info",
    PlaceState.OFFERED.label: "warning",
    PlaceState.BOUGHT.label: "success",
}


class _PlaceDialog(ConfirmDialog):
    @property
    def place(self) -> WaitingPlace:
        return WaitingPlace.objects.select_related("drop", "offer__variant__product").get(pk=self.object_id)

    @property
    def what(self) -> str:
        place = self.place
        return f"{place.quantity} × {place.offer.variant if place.offer else place.order}"


class RemoveDialog(_PlaceDialog):
    why = WhyField()

    def consequence(self) -> dict[str, Any]:
        held = "What is held for them goes to the next." if self.place.state == PlaceState.OFFERED else ""
        words = f"{self.place.email} does not wait for {self.what} any more and finds that on their page. {held}"
        return {"text": f"{words} Nobody gets an e-mail."}


class OfferDialog(_PlaceDialog):
    def consequence(self) -> dict[str, Any]:
        place = self.place
        ahead = waiting_list.ahead_of(place).count()
        before = f" {ahead} in line before them stay where they are." if ahead else ""
        if place.order_id:
            return {"text": f"{self.what} is paid already: it is confirmed at once if all of it is there.{before}"}
        words = f"{self.what} is held for {place.email} for {place.drop.waiting_minutes} minutes, if all of it is there"
        return {"text": f"{words}, and they get an e-mail.{before}"}


class WaitingPlaceAdmin(PanelAdmin):
    """Read-only but for two deeds: an offer out of turn, and taking somebody off the list with a reason."""

    when_empty = "Fans join on the page of a drop whose sizes are sold out, where its waiting list is switched on."
    list_display = ("who", "place", "what", "quantity", "drop", "state_label", "since_when", "until")
    list_display_links = ("who",)
    list_filter = (
        ("state", ChoicesCheckboxFilter),
        ("drop", RelatedDropdownFilter),
        ("since", RangeDateTimeFilter),
    )
    search_fields = ("email", "offer__variant__sku", "order__reference")
    search_help_text = "E-mail, SKU, or an order's reference"
    list_select_related = ("drop", "offer__variant__product", "order")
    show_full_result_count = False
    actions_detail = ("offer_now", "remove")
    change_form_outer_before_template = "desk/place.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[WaitingPlace]:
        return _numbered(super().get_queryset(request))

    def fitting(self, object_id: int) -> set[str]:
        place = WaitingPlace.objects.filter(pk=object_id).first()
        return _fitting(place) if place else set()

    def around(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        place = self.get_queryset(request).filter(pk=object_id).first()
        return _around(place, now()) if place else {}

    @action(
        description="Offer it now",
        url_path="offer",
        icon="redeem",
        variant=ActionVariant.PRIMARY,
        permissions=["checkout.change_waitingplace"],
        dialog=dialog("Offer it now", OfferDialog, "Offer it now"),
    )
    def offer_now(self, request: HttpRequest, form: OfferDialog, object_id: str) -> HttpResponse:
        if waiting_offers.offer(int(object_id), now=now(), by=actor(request)):
            messages.success(request, "It is held for them, and they are told.")
        else:
            messages.warning(request, "Not enough of it is there right now, or they do not wait any more.")
        return done(reverse("admin:checkout_waitingplace_change", args=[object_id]))

    @action(
        description="Take off the list",
        url_path="remove",
        icon="person_remove",
        variant=ActionVariant.DANGER,
        permissions=["checkout.change_waitingplace"],
        dialog=dialog("Take off the list", RemoveDialog, "Take off the list"),
    )
    def remove(self, request: HttpRequest, form: RemoveDialog, object_id: str) -> HttpResponse:
        try:
            waiting_list.remove(int(object_id), by=actor(request), why=form.cleaned_data["why"], now=now())
            messages.success(request, "They are off the list.")
        except NotWaiting:
            messages.error(request, "They do not wait any more, or have ordered already.")
        return done(reverse("admin:checkout_waitingplace_change", args=[object_id]))

    @display(description="Place")
    def place(self, place: Any) -> str:
        if place.state != PlaceState.WAITING:
            return "–"
        return str(1 + place.before + place.paid_before)

    @display(description="Fan", ordering="email", header=True)
    def who(self, place: WaitingPlace) -> tuple[str, str]:
        return place.email or "erased", f"paid, {place.order}" if place.order else ""

    @display(description="What")
    def what(self, place: WaitingPlace) -> str:
        return str(place.offer.variant) if place.offer else "a whole order"

    @display(description="State", ordering="state", label=TONES)
    def state_label(self, place: WaitingPlace) -> str:
        return place.get_state_display()

    @display(description="Since", ordering="since")
    def since_when(self, place: WaitingPlace) -> str:
        return moment_cell(place.since)

    @display(description="Until", ordering="offered_until")
    def until(self, place: WaitingPlace) -> str:
        return moment_cell(place.offered_until or place.refund_by)


def _numbered(places: QuerySet[WaitingPlace]) -> QuerySet[WaitingPlace]:
    """With how many wait before each, in the same query: ``before`` and, of those who have paid, ``paid_before``."""
    waiting = WaitingPlace.objects.filter(state=PlaceState.WAITING, drop=OuterRef("drop")).order_by()
    before = waiting.filter(offer=OuterRef("offer"), pk__lt=OuterRef("pk")).values("offer")
    paid = waiting.filter(order__lines__offer=OuterRef("offer")).values("order__lines__offer")
    earlier = waiting.filter(order__isnull=False, order__lt=OuterRef("order")).values("drop")
    return places.annotate(
        before=Coalesce(Subquery(before.annotate(n=Count("pk")).values("n")), Value(0)),
        paid_before=Coalesce(
            Subquery(paid.annotate(n=Count("pk", distinct=True)).values("n")),
            Subquery(earlier.annotate(n=Count("pk")).values("n")),
            Value(0),
        ),
    )


def _fitting(place: WaitingPlace) -> set[str]:
    """The deeds that make sense for a place as it is now. Money that was paid goes back by the order's own means."""
    deeds = {"offer_now"} if place.state == PlaceState.WAITING else set()
    if place.state in waiting_list.OPEN and place.order_id is None:
        deeds.add("remove")
    return deeds


def _around(place: Any, at: datetime) -> dict[str, Any]:
    number = 1 + place.before + place.paid_before if place.state == PlaceState.WAITING else None
    return {
        "place": place,
        "number": number,
        "tone": TONES.get(place.get_state_display(), "default"),
        "until": moment_words(place.offered_until) if place.offered_until else "",
        "refund_by": moment_words(place.refund_by) if place.refund_by else "",
        "drop_url": reverse("admin:drops_drop_change", args=[place.drop_id]),
        "order_url": reverse("admin:checkout_order_change", args=[place.order_id]) if place.order_id else "",
        "server_now": at,
        "story": story_of(place.subject),
    }
