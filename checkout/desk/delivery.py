"""Delivery at the desk: where to, at which rate, and where it can be picked up."""

from typing import Any

from django import forms
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from unfold.admin import StackedInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelect2Widget, UnfoldAdminTextInputWidget

from checkout.desk.tables import COUNTRY_CHOICES, TableAdmin, money
from checkout.models import PickupPoint, ShippingRate, ShippingZone
from merchant.desk import COUNTRIES, MoneyField
from policies.admin.place_picker import CountriesField


class ZoneForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    countries = CountriesField(
        none="The rest of the world",
        help_text="By name, or a whole union. With none chosen: wherever none of your other zones is.",
    )
    regions = SimpleArrayField(
        forms.CharField(max_length=80),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Only these parts of the one country, by name or code: CA, Texas. Empty: all of it.",
    )

    class Meta:
        model = ShippingZone
        fields = ("title", "countries", "regions")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(countries := self.fields.get("countries"), CountriesField):  # who may only look has no fields
            countries.offer(self.instance.countries)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        countries, regions = cleaned.get("countries", []), cleaned.get("regions", [])
        if regions and len(countries) != 1:
            self.add_error("regions", "Regions are parts of one country: name that one above, alone.")
        elif not regions and not self.errors:
            self._refuse_twice(countries)
        return cleaned

    def _refuse_twice(self, countries: list[str]) -> None:
        for other in ShippingZone.objects.filter(regions=[]).exclude(pk=self.instance.pk):
            if not countries and not other.countries:
                self.add_error("countries", f"“{other}” is for the rest of the world already. Name countries here.")
            elif both := sorted(set(countries) & set(other.countries)):
                named = ", ".join(COUNTRIES.get(code, code) for code in both)
                self.add_error("countries", f"“{other}” has {named} already.")


class RateForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    price_minor = MoneyField(label="Price", help_text="0: free.")
    per_kg_minor = MoneyField(label="And per kilogram", required=False, help_text="For each one begun. Empty: nothing.")
    free_from_minor = MoneyField(
        label="Free from", required=False, help_text="What the goods must cost, after discounts. Empty: never."
    )

    class Meta:
        model = ShippingRate
        fields = (
            *("code", "title", "note", "price_minor", "per_kg_minor", "free_from_minor"),
            *("from_grams", "up_to_grams", "position"),
        )

    def clean_per_kg_minor(self) -> int:
        return self.cleaned_data["per_kg_minor"] or 0

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if PickupPoint.objects.filter(code=code).exists():
            raise ValidationError("A pick-up point has this code: choose another one.")
        return code

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        since, until = cleaned.get("from_grams") or 0, cleaned.get("up_to_grams")
        if until is not None and until <= since:
            self.add_error("up_to_grams", "It must be more than “from”.")
        return cleaned


class RateFormSet(BaseInlineFormSet):  # type: ignore[type-arg]  # generic for the type checker alone
    """The options of a zone: those of one code have weights that do not overlap."""

    def clean(self) -> None:
        super().clean()
        spans: dict[str, list[tuple[int, float]]] = {}
        for form in self.forms:
            given = getattr(form, "cleaned_data", {})
            if not given.get("code") or given.get("DELETE"):
                continue
            span = (given.get("from_grams") or 0, given.get("up_to_grams") or float("inf"))
            if any(span[0] < until and since < span[1] for since, until in spans.setdefault(given["code"], [])):
                raise ValidationError(f"Two options “{given['code']}” are for the same weight.")
            spans[given["code"]].append(span)


class RateInline(StackedInline):
    model = ShippingRate
    form = RateForm
    formset = RateFormSet
    fields = (
        "title",
        "note",
        ("price_minor", "per_kg_minor"),
        ("free_from_minor", "code"),
        ("from_grams", "up_to_grams"),
        "position",
    )
    ordering_field = "position"
    hide_ordering_field = True
    verbose_name, verbose_name_plural = "delivery option", "Delivery options"
    extra = 0


class ShippingZoneAdmin(TableAdmin):
    """Without any zone the shop has one flat price for everywhere."""

    form = ZoneForm
    inlines = (RateInline,)
    when_empty = "Until there is a zone, every order pays the flat shipping of the shop's settings."
    list_display = ("title", "where", "options")
    search_fields = ("title",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ShippingZone]:
        zones: QuerySet[ShippingZone] = super().get_queryset(request)
        return zones.prefetch_related("rates")

    @display(description="Where")
    def where(self, zone: ShippingZone) -> str:
        named = ", ".join(COUNTRIES.get(code, code) for code in zone.countries[:6])
        more = f" and {len(zone.countries) - 6} more" if len(zone.countries) > 6 else ""
        regions = f": {', '.join(zone.regions[:6])}" if zone.regions else ""
        return f"{named}{more}{regions}" or "The rest of the world"

    @display(description="Options")
    def options(self, zone: ShippingZone) -> str:
        return ", ".join(f"{rate.title} {money(rate.price_minor)}" for rate in zone.rates.all()) or "None yet"


class PointForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    country = forms.ChoiceField(
        choices=COUNTRY_CHOICES, widget=UnfoldAdminSelect2Widget, help_text="Its tax is that of this place."
    )
    price_minor = MoneyField(label="Price", help_text="0: free.")

    class Meta:
        model = PickupPoint
        fields = ("title", "note", "code", "country", "region", "price_minor", "is_open")

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if ShippingRate.objects.filter(code=code).exists():
            raise ValidationError("A delivery option has this code: choose another one.")
        return code


class PickupPointAdmin(TableAdmin):
    """Paid on the page and collected here. To pay when collecting is a setting of a drop."""

    form = PointForm
    fields = ("title", "note", "code", ("country", "region"), "price_minor", "is_open")
    when_empty = "Add a place where fans can collect what they bought."
    list_display = ("title", "note", "price", "is_open")
    search_fields = ("title", "note")

    @display(description="Price", ordering="price_minor")
    def price(self, point: PickupPoint) -> str:
        return money(point.price_minor)
