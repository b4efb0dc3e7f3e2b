"""Forgetting at the desk: a person on request, looked at before it is done; and how long everything is kept."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from checkout import erasure, retention_periods as periods
from checkout.privacy_models import ErasureRequest, RetentionPeriod
from merchant import journal
from merchant.clock import now
from merchant.desk import DeskAdmin, ReadOnlyAdmin, WhyField, actor, desk_context, form_page, moment_cell, story_of


class EraseForm(forms.Form):
    """Who wants to be forgotten, and why we do it; on the second page the address once more."""

    who = forms.CharField(
        label="Their e-mail address, or an order's reference",
        max_length=254,
        widget=UnfoldAdminTextInputWidget,
        help_text="Make sure that it is they who ask: answer to the address itself, or ask for a reference.",
    )
    why = WhyField(
        help_text="For the journal, which is kept for good: no names and no addresses. Asked by e-mail on 3 May."
    )
    typed = forms.CharField(
        label="Type the e-mail address once more",
        max_length=254,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )

    def clean_who(self) -> str:
        who: str = self.cleaned_data["who"]
        email = erasure.person_of(who)
        if not email:
            raise forms.ValidationError("There is no such order, or its person was erased already.")
        self.email = email
        return who

    def clean_why(self) -> str:
        why: str = self.cleaned_data["why"]
        if "@" in why:
            raise forms.ValidationError("No addresses here: the journal keeps this for good.")
        return why


class ErasureAdmin(ReadOnlyAdmin):
    """Who asked to be forgotten, and what became of it. New ones are looked at first, then confirmed."""

    when_empty = "Nobody has asked to be forgotten."
    list_display = ("name", "asked", "done", "asked_by", "why")
    list_display_links = ("name",)
    fields = ("name", "asked", "done", "asked_by", "why", "cannot_go", "story")
    readonly_fields = fields
    ordering = ("-id",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("checkout.erase_person"))

    @admin.display(description="Who")
    def name(self, request: ErasureRequest) -> str:
        return request.email or f"Erased ({request.email_key[:8]}…)"

    @admin.display(description="Asked", ordering="asked_at")
    def asked(self, request: ErasureRequest) -> str:
        return moment_cell(request.asked_at)

    @admin.display(description="Done", ordering="done_at")
    def done(self, request: ErasureRequest) -> str:
        return moment_cell(request.done_at) if request.done_at else "In part; the rest by itself when it can go"

    @admin.display(description="What is kept, and why")
    def cannot_go(self, request: ErasureRequest) -> SafeString | str:
        return format_html_join("", "<p>{}</p>", ((said,) for said in request.kept)) if request.kept else "Nothing"

    @admin.display(description="What happened")
    def story(self, request: ErasureRequest) -> SafeString:
        return story_of(request.subject)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return _erase_page(request, EraseForm(initial={"who": request.GET.get("who", "")[:254]}))
        form = EraseForm(request.POST)
        if not form.is_valid() or "back" in request.POST:
            return _erase_page(request, form)
        if "confirmed" not in request.POST:
            return _erase_page(request, form, review=True)
        if form.cleaned_data["typed"].strip().lower() != form.email:
            form.add_error("typed", "That is another address.")
            return _erase_page(request, form, review=True)
        return _erase(request, form)


def _erase(request: HttpRequest, form: EraseForm) -> HttpResponse:
    asked = erasure.ask(form.email, by=actor(request), why=form.cleaned_data["why"], now=now())
    if asked.done_at:
        messages.success(request, "Erased. The journal says what went.")
    else:
        messages.warning(
            request, "Erased in part. The rest goes by itself as soon as it can; this page says why not yet."
        )
    return redirect("admin:checkout_erasurerequest_change", asked.pk)


def _erase_page(request: HttpRequest, form: EraseForm, *, review: bool = False) -> HttpResponse:
    context = desk_context(
        request,
        "Erase a person",
        ErasureRequest,
        form=form,
        review=review,
        found=erasure.look(form.email, now()) if review else None,
        before=erasure.asked_before(form.email) if review else [],
    )
    return form_page(request, "desk/erase.html", context)


class PeriodsForm(forms.Form):
    """Every line of the retention table, in days."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        standing = periods.all_days()
        for what, kept in periods.TABLE.items():
            self.fields[what] = forms.IntegerField(
                label=kept.title,
                min_value=kept.least,
                max_value=periods.MOST_DAYS,
                initial=standing[what],
                widget=UnfoldAdminIntegerFieldWidget,
            )

    def clean(self) -> dict[str, Any]:
        typed: dict[str, Any] = super().clean() or self.cleaned_data
        least = typed.get(periods.PAID_AT_LEAST)
        if least and typed.get(periods.PAID) and typed[periods.PAID] < least:
            self.add_error(periods.PAID, f"Not less than the {least} days that paid orders are kept at least.")
        return typed

    @property
    def lines(self) -> list[tuple[forms.BoundField, periods.Kept]]:
        return [(self[what], kept) for what, kept in periods.TABLE.items()]


class RetentionAdmin(DeskAdmin):
    """The retention table is one page."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return redirect("admin:checkout_retentionperiod_changelist")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = PeriodsForm(request.POST or None)
        if request.method == "POST":
            if not self.has_change_permission(request):
                raise PermissionDenied
            if form.is_valid():
                _keep(form, by=actor(request))
                messages.success(request, "Saved. The next sweep, within the hour, goes by it.")
                return redirect("admin:checkout_retentionperiod_changelist")
        may_change = self.has_change_permission(request)
        context = desk_context(request, "What is kept, and how long", RetentionPeriod, form=form, may_change=may_change)
        return form_page(request, "desk/retention.html", context)


@transaction.atomic
def _keep(form: PeriodsForm, *, by: str) -> None:
    before = periods.all_days()
    changed = {what: [before[what], days] for what, days in form.cleaned_data.items() if days != before[what]}
    for what, (_, days) in changed.items():
        RetentionPeriod.objects.update_or_create(what=what, defaults={"days": days})
    if changed:
        journal.record("retention", "periods_changed", actor=by, data=changed)
