"""Delivery, tax and discounts at the desk: tables that a merchant fills in, each change with a line in the journal."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, QuerySet, Sum
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from unfold.admin import StackedInline, TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelect2Widget, UnfoldAdminTextInputWidget

from checkout.models import Discount, DiscountDrop, PickupPoint, ShippingRate, ShippingZone, TaxRate
from checkout.totals import redemptions
from checkout.totals.discounts import tidy
from checkout.totals.models import DiscountKind
from checkout.totals.taxes import percent
from merchant import journal
from merchant.desk import COUNTRIES, CountriesField, DeskAdmin, MoneyField, PercentField, moment_words
from merchant.money import Money
from merchant.store import current_store

COUNTRY_CHOICES = [(code, COUNTRIES[code]) for code in sorted(COUNTRIES, key=COUNTRIES.__getitem__)]


def money(minor: int) -> str:
    """An amount in the shop's currency."""
    return str(Money(minor, current_store().currency)) if minor else "Free"


class TableAdmin(DeskAdmin):
    """A table of totals. Whatever changes in it is journalled with its name."""

    actions = None

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        with transaction.atomic():
            super().save_related(request, form, formsets, change)
            rows = sum(bool(each.new_objects or each.changed_objects or each.deleted_objects) for each in formsets)
            changed = [*form.changed_data, *(["its rows"] if rows else [])]
            self.note(request, form.instance, "changed" if change else "added", ", ".join(changed))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with transaction.atomic():
            self.note(request, obj, "deleted", "")
            super().delete_model(request, obj)

    def note(self, request: HttpRequest, obj: Any, verb: str, why: str) -> None:
        subject = f"{obj._meta.model_name}:{obj.pk}"
        actor = journal.staff(request.user.get_username())
        journal.record(subject, verb, actor=actor, why=f"{obj}: {why}" if why else str(obj))


# --- delivery -------------------------------------------------------------------------------------


class ZoneForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    countries = CountriesField(
        required=False, help_text="With commas: DE, AT. Empty: wherever none of your other zones is."
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


@admin.register(ShippingZone)
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


@admin.register(PickupPoint)
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


# --- tax ------------------------------------------------------------------------------------------


class TaxForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    country = forms.ChoiceField(choices=COUNTRY_CHOICES, widget=UnfoldAdminSelect2Widget)
    basis_points = PercentField(label="Rate, %", help_text="19 for 19 %.")

    class Meta:
        model = TaxRate
        fields = ("title", "country", "region", "basis_points", "on_shipping")


@admin.register(TaxRate)
class TaxRateAdmin(TableAdmin):
    """Without any rate the shop's one tax counts everywhere; with one, places that are not in the table have none."""

    form = TaxForm
    fields = ("title", ("country", "region"), "basis_points", "on_shipping")
    when_empty = "Until there is a rate, the tax of the shop's settings holds everywhere."
    list_display = ("title", "place", "rate", "on_shipping")
    search_fields = ("title", "country", "region")

    @display(description="Where", ordering="country")
    def place(self, tax: TaxRate) -> str:
        country = COUNTRIES.get(tax.country, tax.country)
        return f"{country}, {tax.region}" if tax.region else country

    @display(description="Rate", ordering="basis_points")
    def rate(self, tax: TaxRate) -> str:
        return percent(tax.basis_points)


# --- discounts ------------------------------------------------------------------------------------


class DiscountForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    basis_points = PercentField(label="Percentage, %", required=False, help_text="For a percentage: 1 to 100.")
    amount_minor = MoneyField(
        label="Amount", required=False, help_text="For an amount. It takes off no more than there is."
    )
    least_minor = MoneyField(label="From a subtotal of", required=False, help_text="Empty: from the first cent on.")

    class Meta:
        model = Discount
        fields = (
            *("title", "code", "is_on", "kind", "basis_points", "amount_minor", "least_minor"),
            *("starts_at", "ends_at", "limit_in_all", "limit_per_person"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Typed in small letters it is the same code.
        self.fields["code"].validators = []

    def clean_code(self) -> str:
        return tidy(self.cleaned_data["code"])

    def clean_amount_minor(self) -> int:
        return self.cleaned_data["amount_minor"] or 0

    def clean_least_minor(self) -> int:
        return self.cleaned_data["least_minor"] or 0

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        kind = cleaned.get("kind")
        if kind == DiscountKind.PERCENTAGE and not 100 <= (cleaned.get("basis_points") or 0) <= 10_000:
            self.add_error("basis_points", "A percentage is between 1 and 100.")
        if kind == DiscountKind.AMOUNT and not cleaned.get("amount_minor"):
            self.add_error("amount_minor", "Type what it takes off.")
        starts, ends = cleaned.get("starts_at"), cleaned.get("ends_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", "It must end after it starts.")
        return cleaned


class ScopeInline(TabularInline):
    model = DiscountDrop
    fields = ("drop",)
    autocomplete_fields = ("drop",)
    verbose_name, verbose_name_plural = "drop", "Only in these drops (none: in all)"
    hide_title = True
    extra = 0


@admin.register(Discount)
class DiscountAdmin(TableAdmin):
    """Of those that apply by themselves the best counts, then a code of what is left; delivery is free once at most."""

    form = DiscountForm
    inlines = (ScopeInline,)
    fieldsets = (
        (None, {"fields": ("title", "code", "is_on")}),
        ("What it takes off", {"fields": ("kind", ("basis_points", "amount_minor"))}),
        (
            "When, and how often",
            {"fields": ("least_minor", "starts_at", "ends_at", ("limit_in_all", "limit_per_person"))},
        ),
    )
    conditional_fields = {"basis_points": "kind == 'percentage'", "amount_minor": "kind == 'amount'"}
    when_empty = "A discount comes with a code or by itself, for all drops or for some."
    list_display = ("title", "code_shown", "what", "when", "used", "taken_off", "is_on")
    list_display_links = ("title",)
    list_filter = ("is_on", "kind")
    search_fields = ("title", "code")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Discount]:
        discounts: QuerySet[Discount] = super().get_queryset(request)
        return discounts.annotate(uses=Count("redemptions"), taken=Sum("redemptions__amount_minor"))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.currency = current_store().currency
        obj.save()
        if "limit_in_all" in form.changed_data:
            redemptions.count_all(obj.pk)

    @display(description="Code", ordering="code")
    def code_shown(self, discount: Discount) -> str:
        return discount.code or "By itself"

    @display(description="Takes off")
    def what(self, discount: Discount) -> str:
        if discount.kind == DiscountKind.PERCENTAGE:
            return percent(discount.basis_points)
        return "Delivery" if discount.kind == DiscountKind.FREE_SHIPPING else money(discount.amount_minor)

    @display(description="When", ordering="ends_at")
    def when(self, discount: Discount) -> str:
        since = f"From {moment_words(discount.starts_at)}" if discount.starts_at else ""
        until = f"until {moment_words(discount.ends_at)}" if discount.ends_at else ""
        said = " ".join(filter(None, [since, until]))
        return said[:1].upper() + said[1:] if said else "Always"

    @display(description="Orders", ordering="uses")
    def used(self, discount: Any) -> str:
        return f"{discount.uses} of {discount.limit_in_all}" if discount.limit_in_all else str(discount.uses)

    @display(description="Fans saved", ordering="taken")
    def taken_off(self, discount: Any) -> str:
        return str(Money(discount.taken or 0, discount.currency or current_store().currency))
