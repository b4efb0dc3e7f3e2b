"""The setting says which orders it is about."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("merchant", "0010_slow_payments"),
    ]

    operations = [
        migrations.AlterField(
            model_name="storeprofile",
            name="limit_by_address",
            field=models.BooleanField(
                default=False,
                help_text="Count the limit for a person by delivery address too, in orders from then on. Off: people who "
                "share one may each buy.",
                verbose_name="limit a household",
            ),
        ),
    ]
