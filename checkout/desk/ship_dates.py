"""A drop that ships later: say the new date at the desk, read who will be asked, then have them asked."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from checkout import delays
from checkout.after_sale import DelayAnswer, DelayChoice, DelayNotice
from checkout.desk.shipping import MomentField
from checkout.errors import CannotAnswer
from drops.models import Drop
from merchant.clock import now
from merchant.desk import PanelAdmin, WhyField, actor, desk_context, form_page, moment_cell
from merchant.store import store_zone

ANSWER_IN = timedelta(days=7)


class NewDateForm(forms.Form):
    drop = forms.ModelChoiceField(Drop.objects.none(), widget=UnfoldAdminSelectWidget)
    new_date = forms.DateField(
        label="Ships on",
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text="A date you can keep: a further delay asks everyone again.",
    )
    answer_by = MomentField(label="Answer until", help_text="Who has not answered by then is refunded by itself.")
    why = WhyField(help_text="Fans read it.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        drops: Any = self.fields["drop"]
        drops.queryset = Drop.objects.exclude(ship_date=None).order_by("-starts_at")
        drops.label_from_instance = lambda drop: f"{drop}, ships {drop.ship_date:%-d %B %Y}"


class DelayNoticeAdmin(PanelAdmin):
    when_empty = "A drop ships later? Say so with the button above: each fan is asked and answers here."
    list_display = ("drop", "ships", "announced", "until", "answers")
    list_display_links = ("drop",)
    list_select_related = ("drop",)
    actions_list = ("announce",)
    change_form_outer_before_template = "desk/ship_date.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[DelayNotice]:
        found: QuerySet[DelayNotice] = super().get_queryset(request)
        counts = {choice: Count("answers", filter=Q(answers__choice=choice)) for choice in DelayChoice.values}
        return found.annotate(**{f"n_{name}": count for name, count in counts.items()})

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [path("new/", view(page), name="checkout_delaynotice_new"), *super().get_urls()]

    def around(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        notice = self.get_queryset(request).filter(pk=object_id).first()
        if notice is None:
            return {}
        stuck = DelayAnswer.objects.filter(notice=notice, choice=DelayChoice.STUCK).select_related("order")
        return {"notice": notice, "tally": _tally(notice), "stuck": stuck, "server_now": now()}

    @action(
        description="A drop ships later…",
        url_path="later",
        icon="event_upcoming",
        permissions=["checkout.add_delaynotice"],
    )
    def announce(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:checkout_delaynotice_new")

    @display(description="Ships", ordering="new_date")
    def ships(self, notice: DelayNotice) -> str:
        before = f"{notice.old_date:%-d %b %Y} → " if notice.old_date else ""
        return f"{before}{notice.new_date:%-d %b %Y}"

    @display(description="Announced", ordering="announced_at")
    def announced(self, notice: DelayNotice) -> str:
        return moment_cell(notice.announced_at)

    @display(description="Answer until", ordering="answer_by")
    def until(self, notice: DelayNotice) -> str:
        return moment_cell(notice.answer_by) if notice.superseded_at is None else "a later date took its place"

    @display(description="Answers")
    def answers(self, notice: DelayNotice) -> str:
        return ", ".join(f"{count} {words.lower()}" for words, count in _tally(notice)) or "nobody was asked yet"


def _tally(notice: DelayNotice) -> list[tuple[str, int]]:
    counted = [(choice.label, getattr(notice, f"n_{choice.value}")) for choice in DelayChoice]
    return [(words, count) for words, count in counted if count]


def page(request: HttpRequest) -> HttpResponse:
    """The form; then who will be asked; then they are."""
    if not request.user.has_perm("checkout.add_delaynotice"):
        raise PermissionDenied
    if request.method != "POST":
        end_of_day = datetime.combine((now() + ANSWER_IN).astimezone(store_zone()).date(), time(23, 0), store_zone())
        return _show(request, NewDateForm(initial={"answer_by": end_of_day, "drop": request.GET.get("drop")}))
    form = NewDateForm(request.POST)
    if not form.is_valid() or "back" in request.POST:
        return _show(request, form)
    if "confirmed" not in request.POST:
        return _show(request, form, review=True)
    return _announce(request, form)


def _announce(request: HttpRequest, form: NewDateForm) -> HttpResponse:
    said = form.cleaned_data
    try:
        notice = delays.announce(
            said["drop"].pk,
            said["new_date"],
            answer_by=said["answer_by"],
            why=said["why"],
            by=actor(request),
            now=now(),
        )
    except CannotAnswer as refusal:
        form.add_error(None, str(refusal))
        return _show(request, form)
    messages.success(request, "Announced. Everyone who waits for it is being asked now.")
    return redirect("admin:checkout_delaynotice_change", notice.pk)


def _show(request: HttpRequest, form: NewDateForm, *, review: bool = False) -> HttpResponse:
    context = desk_context(
        request,
        "A drop ships later",
        DelayNotice,
        form=form,
        review=review,
        count=delays.concerned(form.cleaned_data["drop"]).count() if review else 0,
    )
    return form_page(request, "desk/new_ship_date.html", context)
