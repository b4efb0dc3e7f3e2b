"""Stock at the desk: the counters to look at, and one door that adds or removes units."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Concat
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldBooleanWidget

from drops import stock
from drops.errors import StockMoved, UnitsInUse
from drops.models import Drop, Hold, HoldState, OfferComponent, StockItem, Variant
from drops.tally import Tally
from merchant.clock import now
from merchant.desk import ConfirmDialog, PanelAdmin, WhyField, actor, dialog, done, panel, story_of


class UnitsDialog(ConfirmDialog):
    delta = forms.IntegerField(
        label="Units",
        min_value=-stock.MOST_AT_ONCE,
        max_value=stock.MOST_AT_ONCE,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="12 adds twelve, -3 takes three away. Units that are held or sold stay.",
    )
    why = WhyField(help_text="Delivery, count, damaged…")
    counted = forms.BooleanField(
        label="I counted: promised units are not there",
        required=False,
        widget=UnfoldBooleanWidget,
        help_text="Only to take away more than is free. Nothing of it is sold from then on, and you are told how many "
        "promised units are missing.",
    )
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen"].initial = StockItem.objects.get(pk=self.object_id).there

    def consequence(self) -> dict[str, Any]:
        item = StockItem.objects.get(pk=self.object_id)
        missing = f" {item.missing} of them are not there." if item.missing else ""
        counts = f"{item.total} units, {item.held} held, {item.sold} sold, {item.free} free."
        return {"text": f"{item.code}: {counts}{missing}"}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        item = StockItem.objects.get(pk=self.object_id)
        delta, there, seen = cleaned.get("delta", 0), item.there, cleaned.get("seen")
        if seen is None:
            self.add_error(None, "This form is not whole. Close it, then open it again.")
        elif seen != there:
            pass  # what is said below would be of another count than they saw: the verb tells them of it
        elif there + delta < 0:
            self.add_error("delta", f"Only {there} units are there.")
        elif item.free + delta < 0 and not cleaned.get("counted"):
            words = f"Only {item.free} units are free; the others are held or sold. If they are really not there,"
            self.add_error("delta", f"{words} tick the box below.")
        return cleaned


class OfDrop(admin.SimpleListFilter):
    title, parameter_name = "drop", "drop"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(drop.pk, drop.title) for drop in Drop.objects.order_by("-starts_at", "-id")[:50]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[StockItem]) -> QuerySet[StockItem]:
        value = self.value()
        return queryset.filter(components__offer__drop_id=value).distinct() if value and value.isdigit() else queryset


@admin.register(StockItem)
class StockItemAdmin(PanelAdmin):
    when_empty = "Stock begins with a product and its sizes."
    list_display = ("code", "what", "bar", "total", "held", "sold", "free", "waited_for")
    list_filter = (OfDrop,)
    search_fields = ("code",)
    ordering = ("code",)
    actions_detail = ("change_units",)
    change_form_outer_before_template = "desk/stock.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockItem]:
        variant = Variant.objects.filter(sku=OuterRef("code")).annotate(
            words=Concat("product__title", Value(" · "), "title")
        )
        items: QuerySet[StockItem] = super().get_queryset(request)
        return items.annotate(words=Subquery(variant.values("words")[:1]))

    def around(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        item = self.get_queryset(request).filter(pk=object_id).first()
        return _around(item) if item else {}

    @display(description="What")
    def what(self, item: Any) -> str:
        return item.words or "A share of the stock for one drop"

    @display(description="")
    def bar(self, item: StockItem) -> SafeString:
        return format_html('<div class="desk-cell-bar">{}</div>', panel("desk/_stock_bar.html", tally=_tally(item)))

    @display(description="Free", ordering="available")
    def free(self, item: StockItem) -> int:
        return item.free

    @display(description="Waited for", ordering="awaited")
    def waited_for(self, item: StockItem) -> int | str:
        return item.awaited or "–"

    @action(
        description="Add or remove units",
        url_path="units",
        icon="inventory",
        variant=ActionVariant.PRIMARY,
        permissions=["drops.change_stockitem"],
        dialog=dialog("Add or remove units", UnitsDialog, "Change the stock"),
    )
    def change_units(self, request: HttpRequest, form: UnitsDialog, object_id: str) -> HttpResponse:
        asked = form.cleaned_data
        changes = {name: asked[name] for name in ("delta", "why", "counted", "seen")}
        try:
            if stock.restock(int(object_id), actor=actor(request), **changes):
                messages.success(request, f"{asked['delta']:+} units.")
        except (UnitsInUse, StockMoved) as refusal:
            messages.error(request, str(refusal))
        return done(reverse("admin:drops_stockitem_change", args=[object_id]))


def _tally(item: StockItem) -> Tally:
    return Tally(item.total, item.held, item.sold, item.awaited)


def _around(item: StockItem) -> dict[str, Any]:
    holds = Hold.objects.filter(stock_item_id=item.pk, state=HoldState.ACTIVE).order_by("expires_at")
    used = OfferComponent.objects.filter(stock_item_id=item.pk).select_related("offer__drop", "offer__variant__product")
    return {
        "item": item,
        "tally": _tally(item),
        "holds": holds[:50],
        "used_in": used.order_by("-offer__drop__starts_at", "offer_id"),
        "server_now": now(),
        "story": story_of(f"stock:{item.code}"),
    }
