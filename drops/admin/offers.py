"""The offers of a drop, edited in its page: price as money, units by what comes or goes."""

from operator import itemgetter
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from drops import catalog, stock
from drops.models import Drop, DropState, Offer, StockItem
from merchant.desk import MoneyField, panel
from merchant.money import Money
from merchant.store import current_store

# Afterwards fans may have it in a cart: an offer is then stopped by taking its units away.
REMOVABLE = (DropState.DRAFT, DropState.SCHEDULED)


class OfferForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    price_minor = MoneyField(label="Price")
    units = forms.IntegerField(
        required=False,
        min_value=-stock.MOST_AT_ONCE,
        max_value=stock.MOST_AT_ONCE,
        label="+ / − units",
        widget=UnfoldAdminIntegerFieldWidget(attrs={"class": "desk-units"}),
        help_text="What comes into stock, or with a minus goes out of it.",
    )
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)  # how many there were when it was shown

    class Meta:
        model = Offer
        fields = ("variant", "price_minor", "per_person_limit", "allocation", "units", "position")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["price_minor"].label = f"Price, {current_store().currency}"
        for field in self.fields.values():
            field.widget.attrs.setdefault("aria-label", field.label)  # the table's head is no name of a field
        if self.instance.pk:
            self.fields["variant"].disabled = True
            self.fields["allocation"].disabled = True
            item = own_item(self.instance)
            self.fields["units"].disabled = item is None
            self.fields["seen"].initial = item.there if item else None

    def clean_units(self) -> int:
        units = int(self.cleaned_data["units"] or 0)
        item = own_item(self.instance) if self.instance.pk else None
        free = item.free if item else 0
        if free + units < 0:
            words = f"Only {free} units are free. A count below what is promised is typed on the stock's own page."
            raise forms.ValidationError(words)
        return units


class OfferInline(TabularInline):
    model = Offer
    form = OfferForm
    fields = ("variant", "price_minor", "per_person_limit", "allocation", "stock_now", "units", "seen", "position")
    readonly_fields = ("stock_now",)
    autocomplete_fields = ("variant",)
    ordering_field = "position"
    hide_ordering_field = True
    hide_title = True
    extra = 0
    verbose_name_plural = "On offer"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Offer]:
        offers: QuerySet[Offer] = super().get_queryset(request)
        return offers.select_related("variant__product").prefetch_related("components__stock_item")

    def has_delete_permission(self, request: HttpRequest, obj: Drop | None = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and (obj is None or obj.state in REMOVABLE)

    @display(description="Stock now")
    def stock_now(self, offer: Offer) -> SafeString | str:
        if not offer.pk:
            return "–"
        items = [component.stock_item for component in offer.components.all()]
        return panel("desk/_offer_stock.html", items=items, several=len(items) > 1)


def own_item(offer: Offer) -> StockItem | None:
    """The stock that is this variant's own; None for a bundle, which is made of others'."""
    items = (component.stock_item for component in offer.components.all())
    return next((item for item in items if item.code == offer.variant.sku), None)


def save_offers(drop: Drop, formset: Any, *, actor: str) -> None:
    """Write what was typed into the offers' rows, through the verbs. Raises UnitsInUse when units went meanwhile, and
    StockMoved when somebody else changed them."""
    for form in formset.deleted_forms:
        form.instance.delete()
    moves = []
    for form in formset.forms:
        if form in formset.deleted_forms or not form.has_changed():
            continue
        offer = _changed(form) if form.instance.pk else _added(drop, form)
        units, item = form.cleaned_data.get("units") or 0, own_item(offer)
        if units and item:
            moves.append((item.pk, units, form.cleaned_data.get("seen")))
    for item_id, units, seen in sorted(moves, key=itemgetter(0)):  # the hot rows last, and as an order takes them
        stock.restock(item_id, units, actor=actor, why=f"typed into {drop}", seen=seen)


def _added(drop: Drop, form: Any) -> Offer:
    typed = form.cleaned_data
    offer = catalog.add_offer(
        drop,
        typed["variant"],
        price=Money(typed["price_minor"], current_store().currency),
        limit=typed["per_person_limit"],
        allocation=typed["allocation"],
    )
    Offer.objects.filter(pk=offer.pk).update(position=typed["position"] or 0)
    return offer


def _changed(form: Any) -> Offer:
    offer: Offer = form.instance
    fields = {field.name for field in Offer._meta.concrete_fields}
    offer.save(update_fields=[name for name in form.changed_data if name in fields])
    return offer
