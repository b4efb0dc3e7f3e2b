"""The smaller deeds on an order's page, each with a dialog that says what will happen."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanWidget,
)

from checkout import allowances, refunds, returns
from checkout.models import Order, OrderLine
from merchant.desk import ConfirmDialog, WhyField, moment_words


class _OrderDialog(ConfirmDialog):
    @property
    def order(self) -> Order:
        return Order.objects.select_related("payment").get(pk=self.object_id)


def _go_back(units: int) -> str:
    return f"What is in it ({units} in all) goes to who waits, or back on sale."


class CancelDialog(_OrderDialog):
    why = WhyField()

    def consequence(self) -> dict[str, Any]:
        units = sum(line.quantity for line in self.order.lines.all())
        words = f"Nothing can be paid on {self.order} any more. {_go_back(units)}"
        return {
            "text": f"{words} The fan gets an e-mail. Should it turn out to be paid already, it stays and is confirmed."
        }


class UncollectedDialog(_OrderDialog):
    why = WhyField()

    def consequence(self) -> dict[str, Any]:
        units = sum(line.quantity for line in self.order.lines.all())
        words = f"{self.order} is not kept for {self.order.name} any more. {_go_back(units)}"
        return {"text": f"{words} Nothing was paid. The fan gets an e-mail. This cannot be undone."}


class FreeDialog(_OrderDialog):
    why = WhyField()
    restock = forms.BooleanField(
        label="They can be sold again",
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        help_text="Off: they did not come back, and the stock is that much smaller.",
    )

    def consequence(self) -> dict[str, Any]:
        units = sum(returns.left(self.order).values())
        words = f"{self.order.name} does not get what is in {self.order} ({units} in all)."
        if self.order.captured_minor:
            why = "Its money went back, or a bank has it: none moves now, and no e-mail is sent."
        else:
            why = "Nothing was paid. The fan gets an e-mail."
        return {"text": f"{words} {why} This cannot be undone."}


class LetGoDialog(_OrderDialog):
    why = WhyField()

    def consequence(self) -> dict[str, Any]:
        words = f"{self.order} leaves the waiting list, and the bank is told to let {self.order.total} go."
        return {"text": f"{words} Nothing was charged. The fan gets an e-mail. This cannot be undone."}


class AskDialog(_OrderDialog):
    def consequence(self) -> dict[str, Any]:
        text = "The payment provider is asked now what became of this payment. Nobody is charged twice by asking."
        return {"text": f"{text} By itself we would ask {moment_words(self.order.payment.due_at)}."}


class GrantDialog(_OrderDialog):
    line = forms.TypedChoiceField(label="Of what", coerce=int, widget=UnfoldAdminSelectWidget)
    units = forms.IntegerField(label="How many more", min_value=1, max_value=1000, widget=UnfoldAdminIntegerFieldWidget)
    why = WhyField()
    seen = forms.JSONField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines = {line.pk: line for line in self.order.lines.select_related("offer", "order")}
        seen = {pk: allowances.granted(line) for pk, line in self.lines.items()}
        self.fields["line"].choices = [(pk, _as_choice(line, min(seen[pk]))) for pk, line in self.lines.items()]
        self.fields["seen"].initial = seen

    @property
    def chosen(self) -> OrderLine:
        return self.lines[self.cleaned_data["line"]]

    def clean(self) -> dict[str, Any]:
        """``seen`` is of the chosen line from here on."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        seen = cleaned.get("seen")
        cleaned["seen"] = seen.get(str(cleaned.get("line"))) if isinstance(seen, dict) else None
        if "line" in cleaned and not isinstance(cleaned["seen"], list):
            self.add_error(None, "This form is not whole. Close it, then open it again.")
        return cleaned

    def consequence(self) -> dict[str, Any]:
        return {"text": f"{self.order.email} may order that many more than the limit for a person, in further orders."}


def _as_choice(line: OrderLine, more: int) -> str:
    """``Robe, M (limit 2, and 1 more allowed before)``."""
    before = f", and {more} more allowed before" if more else ""
    return f"{line.title} (limit {line.offer.per_person_limit}{before})"


class RetryDialog(_OrderDialog):
    def consequence(self) -> dict[str, Any]:
        failed = len(refunds.may_go_again(self.order))
        return {"text": f"{failed} failed refund(s) of {self.order} are sent to the provider again, each as a new one."}


class CollectDialog(_OrderDialog):
    def consequence(self) -> dict[str, Any]:
        units = sum(line.quantity for line in self.order.lines.all())
        return {
            "text": f"{self.order.name} has paid {self.order.total} and takes {units} along. This cannot be undone."
        }
