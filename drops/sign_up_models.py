"""Who asked to be told of a drop, until the owner of the address has said so too."""

from django.db import models
from django.db.models.functions import Now


class SignUp(models.Model):
    """An address that was typed to hear of a drop. It counts for nothing until a mailed link was pressed, once."""

    drop = models.ForeignKey("drops.Drop", on_delete=models.CASCADE, related_name="+")
    email = models.EmailField()
    wording = models.CharField(max_length=300, help_text="The words beside the box that was ticked.")
    asked_at = models.DateTimeField(db_default=Now())
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "sign-up for a drop's news"
        verbose_name_plural = "sign-ups for a drop's news"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.email} for {self.drop_id}"
