"""Whether the shop takes payments that need days to arrive. Until somebody says no it does, as before."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("merchant", "0009_processing_days"),
    ]

    operations = [
        migrations.AddField(
            model_name="storeprofile",
            name="slow_payments",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="Such as SEPA debit, ACH or a bank transfer, where your Stripe account offers them. Off: fans "
                "are shown none of them; what a bank already works on goes its way.",
                verbose_name="take payments that need days to arrive",
            ),
        ),
    ]
