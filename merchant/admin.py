"""Settings of the shop at the desk: its profile, its people and their roles, and the journal."""

import json
from collections.abc import Iterable
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import FieldTextFilter, RangeDateTimeFilter
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import (
    UnfoldAdminColorInputWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminTextareaWidget,
)

from drops.models import Drop
from merchant import journal, journal_words
from merchant.clock import now
from merchant.desk import (
    COUNTRIES,
    DeskAdmin,
    MoneyField,
    PercentField,
    ReadOnlyAdmin,
    actor,
    moment_cell,
    panel,
)
from merchant.models import JournalEntry, StoreProfile
from merchant.origins import origin_of
from merchant.store import forget_store
from merchant.templatetags.desk import by_name
from policies.admin.place_picker import CountriesField
from policies.outdated import outdated

MOST_ORIGINS = 20


class OriginsField(forms.CharField):
    """Origins as browsers name them, one a line; a pasted address of a page is cut to its origin."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        origins = [origin_of(each) for each in super().clean(value).replace(",", " ").split()]
        if len(origins) > MOST_ORIGINS:
            raise ValidationError(f"At most {MOST_ORIGINS} sites.")
        return list(dict.fromkeys(origins))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class ShopForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    country = forms.ChoiceField(
        choices=[(code, COUNTRIES[code]) for code in sorted(COUNTRIES, key=COUNTRIES.__getitem__)],
        widget=UnfoldAdminSelect2Widget,
    )
    timezone = forms.ChoiceField(
        choices=[(zone, zone) for zone in sorted(available_timezones())], widget=UnfoldAdminSelect2Widget
    )
    ships_to = CountriesField(
        none="Everywhere", help_text="Countries by name, or a whole union. With none chosen, you deliver everywhere."
    )
    allowed_origins = OriginsField(
        label="Sites that may sell",
        required=False,
        max_length=4000,
        help_text="One a line, like https://brand.example. Pages there may use the API and the embed; no other site's.",
    )
    shipping_minor = MoneyField(
        label="Flat shipping", help_text="One price for an order, until you draw a delivery zone."
    )
    tax_basis_points = PercentField(
        label="Tax, %", help_text="The same everywhere, 19 for 19 %, until you fill in the table of taxes."
    )

    class Meta:
        model = StoreProfile
        fields = "__all__"  # noqa: DJ007  # the page is the whole profile
        widgets = {"accent": UnfoldAdminColorInputWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(countries := self.fields.get("ships_to"), CountriesField):  # who may only look has no fields
            countries.offer(self.instance.ships_to)


@admin.register(StoreProfile)
class StoreProfileAdmin(DeskAdmin):
    """There is one shop: the list leads to it."""

    form = ShopForm
    change_form_outer_before_template = "policies/desk/outdated.html"
    fieldsets = (
        (None, {"fields": ("name", "tagline", "story", "support_email")}),
        ("Look", {"fields": ("logo", "accent")}),
        ("Place and money", {"fields": (("country", "timezone"), "currency")}),
        ("Tax", {"fields": ("tax_basis_points", "prices_include_tax", "stripe_tax")}),
        ("Delivery", {"fields": ("shipping_minor", "ships_to")}),
        ("Payment", {"fields": (("late_payments", "late_payment_days"), "slow_payments", "processing_days")}),
        ("Other sites", {"fields": ("allowed_origins",)}),
        ("Policies", {"fields": (("return_days", "notice_days"), "postal_address", "second_person_approves")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not StoreProfile.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        page = "change" if StoreProfile.objects.exists() else "add"
        return redirect(reverse(f"admin:merchant_storeprofile_{page}", args=[1] if page == "change" else []))

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """With the texts that go on promising what the profile said before."""
        shop = StoreProfile.objects.first()
        texts = outdated(shop, now()) if shop and request.user.has_perm("policies.view_policy") else []
        extra_context = {**(extra_context or {}), "outdated": texts}
        return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.pk = 1
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            journal.record(
                "shop",
                "profile_changed",
                actor=actor(request),
                why=", ".join(form.changed_data),
            )
        transaction.on_commit(forget_store)


@admin.register(JournalEntry)
class JournalAdmin(ReadOnlyAdmin):
    """Who did what, newest first."""

    list_display = ("time", "what", "who", "about", "reason")
    list_display_links = ("time", "what")
    list_filter = (("subject", FieldTextFilter), ("actor", FieldTextFilter), ("at", RangeDateTimeFilter))
    search_fields = ("subject", "verb", "actor", "why")
    fields = ("time", "who", "what", "about", "reason", "noted", "exactly")
    show_full_result_count = False

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """By what people read on the page, too: ``asked for a review`` finds ``review_asked``."""
        found, repeats = super().get_search_results(request, queryset, search_term)
        verbs = journal_words.verbs_like(search_term.strip()) if search_term.strip() else []
        return (found | queryset.filter(verb__in=verbs) if verbs else found), repeats

    @display(description="When", ordering="id")
    def time(self, entry: JournalEntry) -> str:
        return moment_cell(entry.at)

    @display(description="What")
    def what(self, entry: JournalEntry) -> str:
        return journal_words.deed(entry.verb)

    @display(description="Who")
    def who(self, entry: JournalEntry) -> str:
        return by_name(entry.actor)

    @display(description="Of what", ordering="subject")
    def about(self, entry: JournalEntry) -> str:
        titles = getattr(entry, "titles", None)
        words = journal_words.subject(entry.subject, _drop_titles([entry]) if titles is None else titles)
        is_short = entry.subject.startswith("order:")  # a reference is not broken at its hyphen
        return format_html('<span class="desk-one-line">{}</span>', words) if is_short else words

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The titles of drops are asked for once a page, not once a row."""
        found: Any = super().get_changelist_instance(request)
        titles = _drop_titles(found.result_list)
        for entry in found.result_list:
            entry.titles = titles
        return found

    @display(description="Why")
    def reason(self, entry: JournalEntry) -> str:
        return journal_words.why(entry.verb, entry.why) or "–"

    @display(description="Noted with it")
    def noted(self, entry: JournalEntry) -> str:
        return panel("desk/_journal_noted.html", parts=journal_words.record(entry.data)) if entry.data else "–"

    @display(description="Exactly as kept")
    def exactly(self, entry: JournalEntry) -> str:
        return panel(
            "desk/_journal_exactly.html", entry=entry, data=json.dumps(entry.data, ensure_ascii=False, indent=2)
        )


def _drop_titles(entries: Iterable[JournalEntry]) -> dict[str, str]:
    """By subject, for those of these rows that are about a drop; one that is gone keeps its number."""
    ids = {number for entry in entries if (number := entry.subject.removeprefix("drop:")).isdecimal()}
    return {f"drop:{drop.pk}": f"Drop “{drop.title}”" for drop in Drop.objects.filter(pk__in=ids).only("title")}


admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class PeopleAdmin(UserAdmin, DeskAdmin):  # type: ignore[type-arg]  # generic for the type checker alone
    """The people who work at this shop. What they may do follows from their roles."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "roles", "is_active", "seen")
    list_filter = ("groups", "is_active")
    fieldsets = (
        (None, {"fields": ("username", "password", "email")}),
        (
            "May do",
            {
                "fields": ("groups", "is_active", "is_staff"),
                "description": "Someone who left is switched off, not deleted: the journal names them.",
            },
        ),
    )
    add_fieldsets = ((None, {"fields": ("username", "usable_password", "password1", "password2")}),)
    filter_horizontal = ()
    readonly_fields = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @display(description="Roles")
    def roles(self, user: User) -> str:
        if user.is_superuser:
            return "Everything"
        return ", ".join(group.name for group in user.groups.all()) or "–"

    @display(description="Last seen", ordering="last_login")
    def seen(self, user: User) -> str:
        return moment_cell(user.last_login)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Group)
class RolesAdmin(GroupAdmin, DeskAdmin):
    """Built-in roles come back to their table at every set-up; a mix of one's own is a new role."""

    list_display = ("name", "people")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).annotate(people_count=Count("user"))

    @display(description="People", ordering="people_count")
    def people(self, group: Any) -> int:
        return int(group.people_count)
