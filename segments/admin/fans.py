"""Fans at the desk: who they are, what they agreed to, what they did. Their answers and deeds are read-only."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import FieldTextFilter
from unfold.decorators import action, display

from merchant.clock import now
from merchant.desk import DeskAdmin, moment_cell
from merchant.money import Money
from merchant.store import current_store
from segments.errors import BadRule
from segments.models import Consent, Fan, Footprint, Segment
from segments.queries import matching, with_history

ANSWERS = {None: "Never asked", True: "Yes", False: "No"}


class HistoryInline(TabularInline):
    """Rows to look at, a page at a time."""

    extra = 0
    per_page = 20
    tab = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ConsentInline(HistoryInline):
    model = Consent
    verbose_name_plural = "Consent"
    fields = ("when", "channel", "topic", "answer", "source", "wording")
    readonly_fields = fields

    @display(description="When")
    def when(self, consent: Consent) -> str:
        return moment_cell(consent.at)

    @display(description="Answer", label={"Yes": "success", "No": "danger"})
    def answer(self, consent: Consent) -> str:
        return ANSWERS[consent.granted]


class FootprintInline(HistoryInline):
    model = Footprint
    verbose_name_plural = "What they did"
    fields = ("when", "kind", "subject", "amount")
    readonly_fields = fields

    @display(description="When")
    def when(self, footprint: Footprint) -> str:
        return moment_cell(footprint.at)

    @display(description="Amount")
    def amount(self, footprint: Footprint) -> str:
        return _money(footprint.amount_minor)


class SegmentFilter(admin.SimpleListFilter):
    """Who belongs to a segment now. A link from the segment's page leads here."""

    title = "segment"
    parameter_name = "segment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(Segment.objects.values_list("slug", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Fan]) -> QuerySet[Fan]:
        if not self.value():
            return queryset
        segment = Segment.objects.filter(slug=self.value()).first()
        try:
            return queryset.filter(matching(segment.rule, now=now())) if segment else queryset.none()
        except BadRule:  # written for an older release; the segment's own page says what is wrong
            return queryset.none()


class WantsEmailFilter(admin.SimpleListFilter):
    title = "wants e-mail"
    parameter_name = "wants_email"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Yes"), ("no", "No, or never asked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Fan]) -> QuerySet[Fan]:
        if not self.value():
            return queryset
        rule: dict[str, Any] = {"agreed": "email"}
        return queryset.filter(matching(rule if self.value() == "yes" else {"not": rule}, now=now()))


@admin.register(Fan)
class FanAdmin(DeskAdmin):
    """Fans arrive by what they do, not by being typed in."""

    when_empty = "Whoever signs up or orders becomes a fan."
    list_display = ("email", "name", "country", "wants_email", "purchases", "spent", "known_since")
    list_filter = (SegmentFilter, WantsEmailFilter, ("country", FieldTextFilter))
    search_fields = ("email", "name", "phone")
    search_help_text = "E-mail, name, telephone"
    show_full_result_count = False
    inlines = (FootprintInline, ConsentInline)
    actions_detail = ("erase",)
    readonly_fields = ("email", "known_since", "purchases", "spent", "wants_email")
    fieldsets = (
        (None, {"fields": (("email", "name"), ("phone", "language"), ("country", "region"))}),
        ("At a glance", {"fields": (("purchases", "spent"), ("wants_email", "known_since"))}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Fan]:
        return with_history(super().get_queryset(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Fan | None = None) -> bool:
        """What they agreed to would go with them, and it is evidence. Who wants to be forgotten is erased instead."""
        return False

    @action(description="Erase this person…", icon="person_off", permissions=["checkout.erase_person"])
    def erase(self, request: HttpRequest, object_id: str) -> HttpResponse:
        who = urlencode({"who": Fan.objects.values_list("email", flat=True).get(pk=object_id)})
        return redirect(f"{reverse('admin:checkout_erasurerequest_add')}?{who}")

    @display(description="Wants e-mail", label={"Yes": "success", "No": "danger"})
    def wants_email(self, fan: Any) -> str:
        return ANSWERS[fan.wants_email]

    @display(description="Purchases")
    def purchases(self, fan: Any) -> int:
        return int(fan.purchases)

    @display(description="Spent")
    def spent(self, fan: Any) -> str:
        return _money(fan.spent_minor)

    @display(description="Known since", ordering="created_at")
    def known_since(self, fan: Fan) -> str:
        return moment_cell(fan.created_at)


def _money(minor: int | None) -> str:
    return "–" if minor is None else str(Money(minor, current_store().currency))
