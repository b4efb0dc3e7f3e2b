"""What buyers were shown and how they answered: to look at, never to touch."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from merchant.desk import ReadOnlyAdmin, moment_cell
from policies.acceptance import holds
from policies.models import Acceptance

PROOF = {
    True: "Whole: text, answer and person are as they were recorded.",
    False: "Broken: something differs from what was recorded.",
    None: "The person was erased on request; text and answer are kept.",
}


@admin.register(Acceptance)
class AcceptanceAdmin(ReadOnlyAdmin):
    list_display = ("order_ref", "text", "answer", "answered", "surface")
    list_filter = ("surface", ("answered_at", RangeDateTimeFilter))
    search_fields = ("=order_ref", "rendering__version__policy__title", "rendering__sha256")
    fields = (
        "order_ref",
        "text",
        "shown_text",
        "wording",
        "answer",
        "shown",
        "answered",
        "surface",
        "language",
        "asked_language",
        "replaced",
        "proof",
    )
    ordering = ("-id",)
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Acceptance]:
        rows: QuerySet[Acceptance] = super().get_queryset(request).select_related("rendering__version__policy")
        return rows

    @display(description="Text")
    def text(self, acceptance: Acceptance) -> str:
        return str(acceptance.rendering.version)

    @display(description="The very bytes")
    def shown_text(self, acceptance: Acceptance) -> SafeString:
        digest = acceptance.rendering.sha256
        return format_html('<a href="{}">{}</a>', reverse("policies:verify", args=[digest]), digest)

    @display(description="Answer")
    def answer(self, acceptance: Acceptance) -> str:
        return {True: "Ticked", False: "Not ticked", None: "Shown, no box"}[acceptance.accepted]

    @display(description="Shown")
    def shown(self, acceptance: Acceptance) -> str:
        return moment_cell(acceptance.shown_at)

    @display(description="Answered", ordering="answered_at")
    def answered(self, acceptance: Acceptance) -> str:
        return moment_cell(acceptance.answered_at)

    @display(description="Proof")
    def proof(self, acceptance: Acceptance) -> str:
        return PROOF[holds(acceptance)]
