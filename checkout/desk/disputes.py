"""Disputes at the desk: the answer as the bank would read it, what is missing, the time left, and the button."""

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe
from unfold.contrib.filters.admin import ChoicesCheckboxFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget

from checkout import dispute_rates, evidence_packs, evidence_texts, reductions
from checkout.desk.filters import DisputeStatusFilter
from checkout.dispute_rates import Rate
from checkout.errors import CannotAnswer
from checkout.evidence import EvidenceFile, EvidencePack, PackState
from checkout.evidence_files import MOST_BYTES, MOST_PAGES
from checkout.models import Dispute
from checkout.provider_words import dispute_reason, dispute_status
from merchant.clock import now
from merchant.desk import (
    ConfirmDialog,
    PanelAdmin,
    actor,
    desk_context,
    dialog,
    done,
    form_page,
    moment_cell,
    moment_words,
)
from merchant.money import Money

S = PackState
SUBMIT = "checkout.submit_evidencepack"
TONES = {S.STAGED.label: "warning", S.HELD.label: "danger", S.SUBMITTED.label: "success", S.OVER.label: "default"}
BUTTONS: dict[str, tuple[str, ...]] = {
    S.STAGED: ("submit", "words", "again"),
    S.HELD: ("words", "again"),
    S.DUE: ("words",),
    S.BUILT: ("words",),
}
# The provider's fields, in the order in which one reads them.
LABELS = {
    "uncategorized_text": "In short",
    "product_description": "What was sold",
    "customer_name": "Name",
    "customer_email_address": "E-mail",
    "customer_purchase_ip": "Network address (IP)",
    "shipping_address": "Sent to",
    "shipping_date": "Left on",
    "shipping_carrier": "Carrier",
    "shipping_tracking_number": "Tracking number",
    "refund_policy_disclosure": "Texts that were shown",
    "refund_refusal_explanation": "About refunds",
    "duplicate_charge_explanation": "About other charges",
    "cancellation_rebuttal": "About a cancellation",
    "access_activity_log": "What happened",
}
TYPES = {b"%PDF": "application/pdf", b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}


class SubmitDialog(ConfirmDialog):
    def consequence(self) -> dict[str, Any]:
        pack = EvidencePack.objects.select_related("dispute__order").get(dispute=self.object_id)
        missing = "; ".join(words for words, is_there in pack.checklist if not is_there)
        amount = Money(pack.dispute.amount_minor, pack.dispute.order.currency)
        text = f"The bank gets this answer for {amount} now. There is no second one, and it cannot be taken back."
        there = f"{pack.score} % of what helps is there."
        return {"text": f"{text} {there}" + (f" Not there: {missing}." if missing else "")}


class AgainDialog(ConfirmDialog):
    def consequence(self) -> dict[str, Any]:
        return {"text": "The answer is put together anew with what is known by now, and staged. Nothing is submitted."}


class WordsForm(forms.Form):
    words = forms.CharField(
        label="In your own words",
        required=False,
        max_length=evidence_packs.LONGEST_WORDS,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 10}),
        help_text=f"Facts, briefly. {evidence_texts.MOST_IN_A_FIELD:,} characters fit, together with what is there.",
    )
    file = forms.FileField(
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text=f"A PDF, PNG or JPEG. All files together: 5 MB and {MOST_PAGES} pages at most.",
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data.get("file")
        if file is not None and (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError("It has more than 5 MB. Send a smaller one.")
        return file


class DisputeAdmin(PanelAdmin):
    when_empty = "When a bank takes a payment back, it appears here with its answer already prepared."
    list_display = ("amount", "order_shown", "why", "bank", "answer", "complete", "until")
    list_display_links = ("amount",)
    list_filter = (("status", DisputeStatusFilter), ("pack__state", ChoicesCheckboxFilter))
    search_fields = ("order__reference", "order__email", "provider_id")
    search_help_text = "Order, e-mail, or the provider's id"
    list_select_related = ("order", "pack")
    actions_list = ("rates",)
    actions_detail = ("submit", "words", "again")
    change_form_outer_before_template = "desk/dispute.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dispute]:
        found: QuerySet[Dispute] = super().get_queryset(request).select_related("order")
        return found.order_by("closed_at", "due_by", "-pk") if "o" not in request.GET else found

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("rates/", view(rates_page), name="checkout_dispute_rates_page"),
            path("<int:dispute_id>/words/", view(words_page), name="checkout_dispute_words_page"),
            path("file/<int:file_id>/", view(file_page), name="checkout_dispute_file"),
        ]
        return [*own, *super().get_urls()]

    def fitting(self, object_id: int) -> tuple[str, ...]:
        pack = EvidencePack.objects.filter(dispute=object_id).first()
        return BUTTONS.get(pack.state, ()) if pack else ()

    def around(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        dispute = Dispute.objects.select_related("order__drop", "pack").filter(pk=object_id).first()
        return _around(dispute) if dispute else {}

    @action(
        description="Submit to the bank…",
        url_path="submit",
        icon="send",
        variant=ActionVariant.PRIMARY,
        permissions=[SUBMIT],
        dialog=dialog("Submit to the bank", SubmitDialog, "Submit to the bank"),
    )
    def submit(self, request: HttpRequest, form: SubmitDialog, object_id: str) -> HttpResponse:
        try:
            evidence_packs.submit(_pack(object_id).pk, by=actor(request), now=now())
        except CannotAnswer as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "On its way to the bank.")
        return done(_page(object_id))

    @action(description="Add words or a file…", icon="edit_note", url_path="add", permissions=[SUBMIT])
    def words(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:checkout_dispute_words_page", object_id)

    @action(
        description="Put it together again",
        url_path="again",
        icon="refresh",
        permissions=[SUBMIT],
        dialog=dialog("Put it together again", AgainDialog, "Put it together again"),
    )
    def again(self, request: HttpRequest, form: AgainDialog, object_id: str) -> HttpResponse:
        try:
            evidence_packs.build_again(_pack(object_id).pk, by=actor(request), now=now())
        except CannotAnswer as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "A worker puts it together; look again in a moment.")
        return done(_page(object_id))

    @action(description="How often", icon="bar_chart", url_path="how-often", permissions=["checkout.view_dispute"])
    def rates(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:checkout_dispute_rates_page")

    @display(description="Order", ordering="order")
    def order_shown(self, dispute: Dispute) -> SafeString:
        page = reverse("admin:checkout_order_change", args=[dispute.order_id])
        return format_html('<a class="desk-one-line" href="{}">{}</a>', page, dispute.order.reference)

    @display(description="About", ordering="amount_minor")
    def amount(self, dispute: Dispute) -> str:
        return str(Money(dispute.amount_minor, dispute.order.currency))

    @display(description="Reason", ordering="reason")
    def why(self, dispute: Dispute) -> str:
        return dispute_reason(dispute.reason)

    @display(description="The bank", ordering="status")
    def bank(self, dispute: Dispute) -> str:
        return dispute_status(dispute.status)

    @display(description="Answer", ordering="pack__state", label=TONES)
    def answer(self, dispute: Dispute) -> str:
        pack: EvidencePack | None = getattr(dispute, "pack", None)
        return pack.get_state_display() if pack else "–"

    @display(description="Complete")
    def complete(self, dispute: Dispute) -> str:
        pack: EvidencePack | None = getattr(dispute, "pack", None)
        return f"{pack.score} %" if pack and pack.checklist else "–"

    @display(description="Answer by", ordering="due_by")
    def until(self, dispute: Dispute) -> str:
        return moment_cell(dispute.due_by) if dispute.due_by and not dispute.closed_at else "–"


@require_safe
def rates_page(request: HttpRequest) -> HttpResponse:
    """Disputed orders of a hundred paid ones, by drop and by version of a text."""
    if not request.user.has_perm("checkout.view_dispute"):
        raise PermissionDenied
    drops, versions = dispute_rates.by_drop(), dispute_rates.by_version()
    parts = [("drops", "By drop", "Drop", drops), ("versions", "By version of a text", "Text", versions)]
    context = desk_context(
        request,
        "How often payments are disputed",
        Dispute,
        parts=[
            {"slug": slug, "title": title, "noun": noun, "rates": rates, "chart": _chart(rates)}
            for slug, title, noun, rates in parts
        ],
        any=any(rate.disputed for rate in drops),
    )
    return render(request, "desk/dispute_rates.html", context)


def words_page(request: HttpRequest, dispute_id: int) -> HttpResponse:
    """Staff's own words and a file; what would not fit is said here, and nothing is sent."""
    if not request.user.has_perm(SUBMIT):
        raise PermissionDenied
    pack = get_object_or_404(EvidencePack.objects.select_related("dispute__order"), dispute=dispute_id)
    form = WordsForm(initial={"words": pack.own_words})
    if request.method == "POST":
        form = WordsForm(request.POST, request.FILES)
        if form.is_valid() and _added(request, pack, form):
            messages.success(request, "Added; a worker puts the answer together anew. Nothing is submitted.")
            return redirect(_page(str(dispute_id)))
    own = pack.files.filter(field=evidence_packs.OWN_FILE).first()
    context = desk_context(request, "Add words or a file", Dispute, pack=pack, form=form, own=own)
    return form_page(request, "desk/dispute_words.html", context)


@require_safe
def file_page(request: HttpRequest, file_id: int) -> HttpResponse:
    """A paper as the bank gets it."""
    if not request.user.has_perm("checkout.view_dispute"):
        raise PermissionDenied
    file = get_object_or_404(EvidenceFile.objects.exclude(content=b""), pk=file_id)  # erased: there is none any more
    content = bytes(file.content)
    kind = next((kind for start, kind in TYPES.items() if content.startswith(start)), "application/octet-stream")
    response = HttpResponse(content, content_type=kind)
    name = file.name.encode("ascii", "replace").decode().replace('"', "")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _added(request: HttpRequest, pack: EvidencePack, form: WordsForm) -> bool:
    file = form.cleaned_data["file"]
    given = (file.name, file.read()) if file else None
    try:
        evidence_packs.add(pack.pk, form.cleaned_data["words"], given, by=actor(request), now=now())
    except CannotAnswer as refusal:
        form.add_error("words" if "characters" in str(refusal) else "file", str(refusal))
        return False
    return True


def _around(dispute: Dispute) -> dict[str, Any]:
    pack: EvidencePack | None = getattr(dispute, "pack", None)
    texts = pack.texts if pack else {}
    return {
        "dispute": dispute,
        "pack": pack,
        "erased": texts.get(reductions.ERASED, ""),
        "texts": [(label, texts[name]) for name, label in LABELS.items() if name in texts],
        "characters": f"{sum(map(len, texts.values())):,} of {evidence_texts.MOST_CHARACTERS:,}",
        "files": pack.files.all() if pack else [],
        "until": moment_words(dispute.due_by) if dispute.due_by else "",
        "server_now": now(),
    }


def _chart(rates: list[Rate]) -> str:
    """The same numbers for Chart.js."""
    percents = [rate.percent for rate in rates]
    bars = {"label": "Disputed, %", "data": percents, "backgroundColor": "var(--color-primary-600)"}
    return json.dumps({"labels": [rate.name for rate in rates], "datasets": [bars]})


def _pack(object_id: str) -> EvidencePack:
    return EvidencePack.objects.get(dispute=int(object_id))


def _page(object_id: str) -> str:
    return reverse("admin:checkout_dispute_change", args=[object_id])
