"""What the payment provider told us, at the desk."""

from django.contrib import admin
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from checkout import provider_words
from checkout.desk.filters import NewsFilter
from checkout.models import WebhookEvent
from merchant.desk import ReadOnlyAdmin, moment_cell


class WebhookEventAdmin(ReadOnlyAdmin):
    """What the payment provider told us, as it came. The worker asks the provider again before it believes it."""

    when_empty = "What the payment provider tells the shop is kept here."
    list_display = ("received", "told", "object_id", "worked_through", "outcome")
    list_display_links = ("received", "told")
    list_filter = (
        ("type", NewsFilter),
        ("processed_at", admin.EmptyFieldListFilter),
        ("received_at", RangeDateTimeFilter),
    )
    search_fields = ("event_id", "object_id")
    show_full_result_count = False
    fields = ("told", "event_id", "type", "object_id", "received", "worked_through", "tries", "outcome", "payload")

    @display(description="Received", ordering="received_at")
    def received(self, event: WebhookEvent) -> str:
        return moment_cell(event.received_at)

    @display(description="What it tells", ordering="type")
    def told(self, event: WebhookEvent) -> str:
        return provider_words.event(event.type)

    @display(description="Worked through", ordering="processed_at")
    def worked_through(self, event: WebhookEvent) -> str:
        return moment_cell(event.processed_at) if event.processed_at else "not yet"
