"""Messages at the desk: the outbox, with each mail as the fan reads it. In the demo this is the only mailbox."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.contrib.filters.admin import ChoicesCheckboxFilter, RangeDateTimeFilter
from unfold.decorators import action, display

from merchant import clock
from merchant.desk import ConfirmDialog, ReadOnlyAdmin, actor, dialog, done, moment_cell, story_of
from merchant.logs import hidden
from segments.delivery import RESENDABLE, send_again
from segments.errors import NotResendable
from segments.models import Message, MessageState

TONES = {
    MessageState.DUE.label: "info",
    MessageState.SENT.label: "success",
    MessageState.UNCERTAIN.label: "warning",
    MessageState.FAILED.label: "danger",
}


class SendAgainDialog(ConfirmDialog):
    def consequence(self) -> dict[str, Any]:
        message = Message.objects.get(pk=self.object_id)
        text = f"“{message.subject}” goes to {message.to} once more."
        if message.state == MessageState.UNCERTAIN:
            text += " It may have arrived already; then it will be there twice."
        return {"text": text}


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    when_empty = "Every e-mail that the shop sends is kept here."
    list_display = ("subject", "to", "state_label", "tries", "sent")
    list_filter = (("state", ChoicesCheckboxFilter), "kind", "marketing", ("created_at", RangeDateTimeFilter))
    search_fields = ("to", "subject", "key")
    search_help_text = "Address, subject, or the key, such as order:FR-7K3M9Q2D"
    show_full_result_count = False
    actions_detail = ("send_again",)
    change_form_outer_after_template = "segments/message_after.html"
    fieldsets = (
        (None, {"fields": (("subject", "to"), ("state_label", "tries"), "reason")}),
        ("Times", {"classes": ("tab",), "fields": (("planned", "due"), ("sent", "handed"))}),
        ("For the curious", {"classes": ("tab",), "fields": (("key", "kind"), ("marketing", "provider_id"))}),
    )
    readonly_fields = ("state_label", "tries", "planned", "due", "sent", "handed")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        rows: QuerySet[Message] = super().get_queryset(request)
        return rows.defer("text", "html")

    @display(description="State", ordering="state", label=TONES)
    def state_label(self, message: Message) -> str:
        return message.get_state_display()

    @display(description="Tries", ordering="attempts")
    def tries(self, message: Message) -> int:
        return message.attempts

    @display(description="Planned", ordering="created_at")
    def planned(self, message: Message) -> str:
        return moment_cell(message.created_at)

    @display(description="Due", ordering="due_at")
    def due(self, message: Message) -> str:
        return moment_cell(message.due_at)

    @display(description="Sent", ordering="sent_at")
    def sent(self, message: Message) -> str:
        return moment_cell(message.sent_at)

    @display(description="Last handed to the provider")
    def handed(self, message: Message) -> str:
        return moment_cell(message.handed_at)

    def around(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        message = Message.objects.filter(pk=object_id).first()
        mail = {"html": hidden(message.html), "text": hidden(message.text)} if message else None
        return {"mail": mail, "story": story_of(f"message:{object_id}")}

    # --- sending again -----------------------------------------------------------------------------------------------

    def has_resend_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return bool(request.user.has_perm("segments.change_message"))

    def fitting(self, object_id: int) -> tuple[str, ...]:
        stuck = Message.objects.filter(pk=object_id, state__in=RESENDABLE).exists()
        return ("send_again",) if stuck else ()

    @action(
        description="Send again",
        url_path="send-again",
        icon="send",
        permissions=["resend"],
        dialog=dialog("Send again", SendAgainDialog, "Send again"),
    )
    def send_again(self, request: HttpRequest, form: SendAgainDialog, object_id: str) -> HttpResponse:
        message = Message.objects.get(pk=object_id)
        try:
            send_again(message, by=actor(request), now=clock.now())
            messages.success(request, "It goes out within a few seconds.")
        except NotResendable:
            messages.error(request, "This message is neither failed nor unclear any more.")
        return done(reverse("admin:segments_message_change", args=[object_id]))
