from datetime import timedelta

from django.db import migrations, models
from django.utils import timezone


def give_banks_their_days(apps, schema_editor):
    """What a bank was paying had no end; from here on it has one, and not this very moment."""
    orders = apps.get_model("checkout", "Order").objects
    orders.filter(state="processing").update(hold_expires_at=timezone.now() + timedelta(days=14))


class Migration(migrations.Migration):
    dependencies = [("checkout", "0021_amount_differs")]

    operations = [
        migrations.RunPython(give_banks_their_days, migrations.RunPython.noop),
        migrations.RemoveIndex(model_name="order", name="order_open_until"),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(
                    ("state__in", ["placed", "authorising", "action_required", "deferred", "processing"])
                ),
                fields=["hold_expires_at"],
                name="order_open_until",
            ),
        ),
    ]
