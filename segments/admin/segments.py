"""Segments at the desk: the rule, what it says in words, and who matches now."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest
from unfold.decorators import display

from merchant import journal
from merchant.clock import now
from merchant.desk import DeskAdmin, actor, listing, moment_cell, story_of
from segments.admin.fans import HistoryInline
from segments.errors import BadRule
from segments.membership import count, counts, preview
from segments.models import MembershipSnapshot, Segment
from segments.rules import DEEPEST, in_words, parse

LONGEST = 5_000

HINT = (
    'For example {"did": "purchased", "at_least": 2, "within_days": 365}. Parts: did (purchased, signed_up, abandoned, '
    'refunded), country ["US", "CA"], agreed "email"; joined by all [..], any [..], not {..}.'
)


class RuleField(forms.JSONField):
    """JSON that is no longer than a rule can be, nor deeper than anybody can read."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) > LONGEST:
            raise ValidationError(f"At most {LONGEST} characters.")
        try:
            return super().to_python(value)
        except RecursionError:
            raise ValidationError(f"Rules may stand in one another {DEEPEST} times, not more.") from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            return super().bound_data(data, initial)
        except RecursionError:
            return InvalidJSONInput(data)


class SegmentForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    class Meta:
        model = Segment
        fields = ("name", "slug", "description", "rule")
        field_classes = {"rule": RuleField}
        help_texts = {"rule": HINT}

    def clean_rule(self) -> Any:
        try:
            parse(self.cleaned_data["rule"])
        except BadRule as refusal:
            raise ValidationError(str(refusal)) from None
        return self.cleaned_data["rule"]


class SnapshotInline(HistoryInline):
    model = MembershipSnapshot
    verbose_name_plural = "Frozen lists"
    fields = ("frozen", "subject", "size")
    readonly_fields = fields

    @display(description="Frozen")
    def frozen(self, snapshot: MembershipSnapshot) -> str:
        return moment_cell(snapshot.frozen_at)


@admin.register(Segment)
class SegmentAdmin(DeskAdmin):
    form = SegmentForm
    inlines = (SnapshotInline,)
    when_empty = "A segment is a list that keeps itself: everyone who bought from a drop, for instance."
    list_display = ("name", "in_words", "size", "maker")
    change_form_outer_after_template = "segments/segment_after.html"
    prepopulated_fields = {"slug": ("name",)}
    actions = None

    fieldsets = ((None, {"fields": (("name", "slug"), "description", "rule")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> tuple[str, ...]:
        """The address of a segment that is used does not change."""
        return ("slug",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Segment | None = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    def has_change_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        """A built-in segment is part of the shop."""
        return super().has_change_permission(request, obj) and not (obj and obj.builtin)

    def has_delete_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and obj.builtin)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list with its sizes, counted together."""
        found = super().get_changelist_instance(request)
        found.result_list = list(found.result_list)
        sizes = counts(found.result_list, now=now())
        for segment in found.result_list:
            segment.fans_now = sizes.get(segment.pk)
        return found

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            verb = "edited" if change else "made"
            journal.record(f"segment:{obj.slug}", verb, actor=actor(request), data={"rule": obj.rule})

    @display(description="Rule")
    def in_words(self, segment: Segment) -> str:
        try:
            return in_words(segment.rule)
        except BadRule as refusal:
            return str(refusal)

    @display(description="Fans now")
    def size(self, segment: Any) -> str:
        """As ``get_changelist_instance`` counted it."""
        return "–" if segment.fans_now is None else f"{segment.fans_now:,}"

    @display(description="Made by", label={"You": "info"})
    def maker(self, segment: Segment) -> str:
        return "The shop" if segment.builtin else "You"

    def around(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        segment = Segment.objects.filter(pk=object_id).first()
        return _who(segment) | {"story": story_of(f"segment:{segment.slug}")} if segment else {}


def _who(segment: Segment) -> dict[str, Any]:
    try:
        return {
            "words": in_words(segment.rule),
            "count": count(segment, now=now()),
            "fans": preview(segment, now=now(), limit=10),
            "all_url": listing("segments_fan", segment=segment.slug),
        }
    except BadRule as refusal:
        return {"words": str(refusal)}
