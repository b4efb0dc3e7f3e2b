"""Segments at the desk: the rule, what it says in words, and who matches now."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from merchant import journal
from merchant.clock import now
from merchant.desk import DeskAdmin, listing, moment_cell, panel, story_of
from segments.admin.fans import HistoryInline
from segments.errors import BadRule
from segments.membership import count, preview
from segments.models import MembershipSnapshot, Segment
from segments.rules import in_words, parse

HINT = (
    'For example {"did": "purchased", "at_least": 2, "within_days": 365}. Parts: did (purchased, signed_up, abandoned, '
    'refunded), country ["US", "CA"], agreed "email"; joined by all [..], any [..], not {..}.'
)


class SegmentForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    class Meta:
        model = Segment
        fields = ("name", "slug", "description", "rule")
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
    list_display = ("name", "in_words", "size", "builtin")
    prepopulated_fields = {"slug": ("name",)}
    actions = None

    def get_fieldsets(self, request: HttpRequest, obj: Segment | None = None) -> list[Any]:
        fieldsets: list[Any] = [(None, {"fields": (("name", "slug"), "description", "rule")})]
        if obj is not None:
            fieldsets += [("Who matches now", {"fields": ("who",)}), ("What happened", {"fields": ("story",)})]
        return fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> tuple[str, ...]:
        """A built-in segment is part of the shop; the address of one that is used does not change."""
        fixed = ("name", "slug", "description", "rule") if obj and obj.builtin else ("slug",) if obj else ()
        return (*fixed, "who", "story")

    def get_prepopulated_fields(self, request: HttpRequest, obj: Segment | None = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    def has_delete_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and obj.builtin)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            actor = journal.staff(request.user.get_username())
            journal.record(f"segment:{obj.slug}", "edited" if change else "made", actor=actor, data={"rule": obj.rule})

    @display(description="Rule")
    def in_words(self, segment: Segment) -> str:
        try:
            return in_words(segment.rule)
        except BadRule as refusal:
            return str(refusal)

    @display(description="Fans now")
    def size(self, segment: Segment) -> int | str:
        try:
            return count(segment, now=now())
        except BadRule:
            return "–"

    @display(description="Fans")
    def who(self, segment: Segment) -> SafeString:
        return panel("segments/_who.html", **self._who(segment))

    def _who(self, segment: Segment) -> dict[str, Any]:
        try:
            return {
                "words": in_words(segment.rule),
                "count": count(segment, now=now()),
                "fans": preview(segment, now=now(), limit=10),
                "all_url": listing("segments_fan", segment=segment.slug),
            }
        except BadRule as refusal:
            return {"words": str(refusal)}

    @display(description="Journal")
    def story(self, segment: Segment) -> SafeString:
        return story_of(f"segment:{segment.slug}")
