"""A drop's page at the desk: what, when, how it looks, what is on offer, and its state."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesCheckboxFilter, RangeDateTimeFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from drops import scheduling
from drops.admin import moves
from drops.admin.offers import OfferInline, save_offers
from drops.admin.products import thumb
from drops.errors import DropError, StockMoved, UnitsInUse
from drops.models import Drop, DropKind, DropState, Offer
from drops.readiness import checklist
from drops.tally import Tally, tallies
from merchant import journal
from merchant.clock import now
from merchant.desk import DeskAdmin, actor, dialog, done, listing, moment_cell, moment_words, panel, story_of

STARTED = (DropState.LIVE, DropState.PAUSED, DropState.SOLD_OUT, DropState.CLOSED)


class DropForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    class Meta:
        model = Drop
        exclude = ("state", "live_version")  # noqa: DJ006  # everything but what verbs write

    def clean(self) -> dict[str, Any]:
        typed: dict[str, Any] = super().clean() or self.cleaned_data
        starts, ends = self._now("starts_at"), self._now("ends_at")
        if self.instance.state != DropState.DRAFT and not starts:
            self.add_error("starts_at", "A drop that is no draft has a start.")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", "The end lies before the start.")
        if self._now("kind") == DropKind.STANDING and ends:
            self.add_error("ends_at", "What is always on sale has no end.")
        if (self._now("hard_cap_minutes") or 0) < (self._now("hold_minutes") or 0):
            self.add_error("hard_cap_minutes", "Not shorter than the hold itself.")
        if (self._now("deferral_minutes") or 0) < (self._now("hard_cap_minutes") or 0):
            self.add_error("deferral_minutes", "Not shorter than the longest hold.")
        return typed

    def _now(self, name: str) -> Any:
        """What the field will be: typed here, or shown read-only and so as it was."""
        return self.cleaned_data.get(name) if name in self.fields else getattr(self.instance, name)


def _move(
    name: str, *, description: str, icon: str, form: type[moves.MoveDialog], title: str, variant: ActionVariant
) -> Callable[..., HttpResponse]:
    """A button of the drop's page that asks with ``form`` and calls the verb ``scheduling.<name>``."""

    def move(self: Any, request: HttpRequest, form: moves.MoveDialog, object_id: str) -> HttpResponse:
        drop = Drop.objects.get(pk=object_id)
        try:
            getattr(scheduling, name)(drop, actor=actor(request), now=now())
            messages.success(request, f"{drop} is now: {drop.get_state_display().lower()}.")
        except DropError as refusal:
            messages.error(request, str(refusal))
        return done(reverse("admin:drops_drop_change", args=[object_id]))

    move.__name__ = name
    door: Callable[..., HttpResponse] = action(
        description=description,
        url_path=name.replace("_", "-"),
        icon=icon,
        variant=variant,
        permissions=["change"],
        dialog=dialog(title, form, description),
    )(move)
    return door


@admin.register(Drop)
class DropAdmin(DeskAdmin):
    actions = None
    form = DropForm
    inlines = (OfferInline,)
    when_empty = "A drop is one timed sale. Its page says what is missing before it can go live."
    list_display = ("picture", "name", "state_label", "starts", "ends", "stock")
    list_display_links = ("picture", "name")
    list_filter = (
        ("state", ChoicesCheckboxFilter),
        ("kind", ChoicesCheckboxFilter),
        ("starts_at", RangeDateTimeFilter),
    )
    search_fields = ("title", "slug", "offers__variant__sku")
    prepopulated_fields = {"slug": ("title",)}
    readonly_fields = ("cover_preview", "started")
    change_form_outer_before_template = "desk/drop_before.html"
    change_form_outer_after_template = "desk/drop_after.html"
    # What ends things is a step away from what one presses every day.
    actions_detail = (
        "schedule",
        "open_now",
        "resume",
        "pause",
        {"title": "More", "icon": "more_horiz", "items": ["unschedule", "close"]},
    )
    fieldsets = (
        (None, {"fields": (("title", "slug"), "strapline", "kind")}),
        ("When", {"fields": ("starts_at", "ends_at", "ship_date")}),
        ("Cover", {"fields": ("cover_preview", "cover", "cover_alt")}),
        ("Story", {"classes": ("tab",), "fields": ("story", "creator_name", "creator_note")}),
        (
            "Pick-up",
            {"classes": ("tab",), "fields": ("pay_at_pickup", "pickup_until", "pickup_place")},
        ),
        (
            "Holding units",
            {"classes": ("tab",), "fields": ("hold_from", ("hold_minutes", "hard_cap_minutes"), "deferral_minutes")},
        ),
        ("Payment", {"classes": ("tab",), "fields": ("capture",)}),
        ("Waiting list", {"classes": ("tab",), "fields": ("waiting_list", "waiting_minutes")}),
    )

    schedule = _move(
        "schedule",
        description="Schedule",
        icon="event_available",
        form=moves.ScheduleDialog,
        title="Schedule this drop",
        variant=ActionVariant.PRIMARY,
    )
    open_now = _move(
        "open_now",
        description="Start now",
        icon="play_arrow",
        form=moves.OpenDialog,
        title="Start now",
        variant=ActionVariant.PRIMARY,
    )
    pause = _move(
        "pause",
        description="Pause",
        icon="pause",
        form=moves.PauseDialog,
        title="Pause the sale",
        variant=ActionVariant.WARNING,
    )
    resume = _move(
        "resume",
        description="Resume",
        icon="play_arrow",
        form=moves.ResumeDialog,
        title="Resume the sale",
        variant=ActionVariant.PRIMARY,
    )
    unschedule = _move(
        "unschedule",
        description="Back to draft",
        icon="undo",
        form=moves.UnscheduleDialog,
        title="Back to draft",
        variant=ActionVariant.DEFAULT,
    )
    close = _move(
        "close",
        description="Close",
        icon="stop_circle",
        form=moves.CloseDialog,
        title="Close this drop for good",
        variant=ActionVariant.DANGER,
    )

    # --- the list ----------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        answer: HttpResponse = super().changelist_view(request, extra_context)
        found = getattr(answer, "context_data", None) or {}
        if "cl" in found:
            counted = tallies(drop.pk for drop in found["cl"].result_list)
            for drop in found["cl"].result_list:
                drop.tally = counted.get(drop.pk, Tally())
        return answer

    @display(description="")
    def picture(self, drop: Drop) -> SafeString | str:
        return thumb(drop.cover, drop.cover_alt)

    @display(description="Drop", ordering="title")
    def name(self, drop: Drop) -> str:
        return drop.title

    @display(description="State", ordering="state")
    def state_label(self, drop: Drop) -> SafeString:
        return panel("desk/_state.html", drop=drop)

    @display(description="Start", ordering="starts_at")
    def starts(self, drop: Drop) -> str:
        return moment_cell(drop.starts_at)

    @display(description="End", ordering="ends_at")
    def ends(self, drop: Drop) -> str:
        return moment_cell(drop.ends_at)

    @display(description="Stock")
    def stock(self, drop: Any) -> SafeString:
        return panel("desk/_stock_cell.html", tally=drop.tally)

    # --- the page ----------------------------------------------------------------------------------------------------

    @display(description="As fans see it")
    def cover_preview(self, drop: Drop) -> SafeString | str:
        return thumb(drop.cover, drop.cover_alt, "desk-cover")

    @display(description="Started")
    def started(self, drop: Drop) -> str:
        return moment_words(drop.starts_at)

    def get_fieldsets(self, request: HttpRequest, obj: Drop | None = None) -> list[Any]:
        fieldsets = list(super().get_fieldsets(request, obj))
        if obj and obj.state in STARTED:
            fieldsets[1] = ("When", {"fields": ("started", "ends_at", "ship_date")})
        return fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Drop | None = None) -> tuple[str, ...]:
        """What fans were told already is not edited any more."""
        fixed = tuple(self.readonly_fields)
        if obj and obj.state != DropState.DRAFT:
            fixed += ("slug", "kind")
        if obj and obj.state in STARTED:
            fixed += ("hold_from",)
        return fixed

    def get_prepopulated_fields(self, request: HttpRequest, obj: Drop | None = None) -> dict[str, Any]:
        return {} if obj else dict(self.prepopulated_fields)

    def fitting(self, object_id: int) -> tuple[str, ...]:
        state = Drop.objects.filter(pk=object_id).values_list("state", flat=True).first()
        return moves.BUTTONS.get(state or "", ())

    def around(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        drop = Drop.objects.filter(pk=object_id).first()
        return _around(drop, now()) if drop else {}

    def has_delete_permission(self, request: HttpRequest, obj: Drop | None = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and (obj is None or obj.state == DropState.DRAFT)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        scheduling.set_window(obj)
        verb = "edited" if change else "drafted"
        if form.changed_data:
            journal.record(f"drop:{obj.pk}", verb, actor=actor(request), why=", ".join(form.changed_data))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        if formset.model is not Offer:
            super().save_formset(request, form, formset, change)
            return
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
        try:
            with transaction.atomic():
                save_offers(form.instance, formset, actor=actor(request))
        except (UnitsInUse, StockMoved) as refusal:
            messages.error(request, f"The offers were not changed. {refusal}")


def _around(drop: Drop, at: datetime) -> dict[str, Any]:
    not_started = drop.state in (DropState.DRAFT, DropState.SCHEDULED)
    checks = checklist(drop, now=at) if not_started else []
    return {
        "drop": drop,
        "tally": tallies([drop.pk]).get(drop.pk, Tally()),
        "shows_checks": not_started,
        "open_checks": [check for check in checks if not check.done],
        "done_checks": [check for check in checks if check.done],
        "server_now": at,
        "page": f"/drops/{drop.slug}/",
        "waiting_url": listing("checkout_waitingplace", drop__id__exact=drop.pk),
        "story": story_of(f"drop:{drop.pk}"),
    }
