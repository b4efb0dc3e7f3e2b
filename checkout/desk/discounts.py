"""Discounts at the desk: what is taken off, for whom, and how often it was."""

from typing import Any

from django import forms
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.decorators import display

from checkout.desk.tables import TableAdmin, money
from checkout.models import Discount, DiscountDrop
from checkout.totals import redemptions
from checkout.totals.discounts import tidy
from checkout.totals.models import DiscountKind
from checkout.totals.taxes import percent
from merchant.desk import MoneyField, PercentField, moment_words
from merchant.money import Money
from merchant.store import current_store


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
