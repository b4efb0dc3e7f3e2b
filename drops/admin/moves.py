"""The buttons that move a drop from state to state. Each asks first and says what fans will see."""

from typing import Any

from django import forms
from django.http import HttpRequest

from drops.models import Drop, DropState, HoldFrom
from drops.readiness import hurdles
from drops.tally import Tally, tallies
from merchant.clock import now
from merchant.desk import ConfirmDialog, moment_words

# Which buttons a drop in a state has, the usual one first.
BUTTONS: dict[str, tuple[str, ...]] = {
    DropState.DRAFT: ("schedule",),
    DropState.SCHEDULED: ("open_now", "unschedule", "close"),
    DropState.LIVE: ("pause", "close"),
    DropState.PAUSED: ("resume", "close"),
    DropState.SOLD_OUT: ("close",),
    DropState.CLOSED: (),
}


class MoveDialog(ConfirmDialog):
    def __init__(self, request: HttpRequest, object_id: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        self.drop = Drop.objects.get(pk=object_id)

    @property
    def tally(self) -> Tally:
        return tallies([self.drop.pk]).get(self.drop.pk, Tally())

    def consequence(self) -> dict[str, Any]:
        return {"text": self.words()}

    def words(self) -> str:
        raise NotImplementedError


class _WhenReady(MoveDialog):
    def consequence(self) -> dict[str, Any]:
        return {"text": self.words(), "hurdles": hurdles(self.drop, now=now())}

    def clean(self) -> None:
        if hurdles(self.drop, now=now()):
            raise forms.ValidationError("The drop is not ready.")


class ScheduleDialog(_WhenReady):
    def words(self) -> str:
        start = moment_words(self.drop.starts_at)
        return f"{self.drop} gets a public page now and goes on sale by itself: {start}. {self.tally.available} units."


class OpenDialog(_WhenReady):
    def words(self) -> str:
        planned = moment_words(self.drop.starts_at)
        return f"{self.drop} goes on sale this minute instead of {planned}: {self.tally.available} units."


class UnscheduleDialog(MoveDialog):
    def words(self) -> str:
        return f"{self.drop} becomes a draft again: its page disappears and it will not start by itself."


class PauseDialog(MoveDialog):
    def words(self) -> str:
        keep = "Carts keep what they hold until it runs out; orders that were placed are paid as usual."
        held = f" {self.tally.held} units are held now." if self.drop.hold_from == HoldFrom.CART else ""
        return f"Nobody can buy from {self.drop} until you resume it. {keep}{held}"


class ResumeDialog(MoveDialog):
    def words(self) -> str:
        return f"{self.drop} is on sale again at once: {self.tally.available} units are free."


class CloseDialog(MoveDialog):
    def words(self) -> str:
        left = self.tally.available
        return f"{self.drop} ends for good and cannot be opened again. {left} units stay in stock. Placed orders go on."
