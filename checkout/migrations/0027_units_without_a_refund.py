"""Units come back also where their money had gone another way."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("checkout", "0026_lines_keep_their_parts"),
    ]

    operations = [
        migrations.AlterField(
            model_name="refundline",
            name="refund",
            field=models.ForeignKey(
                help_text="That is for them. Empty where their money had gone another way: by hand, or to a bank.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="lines",
                to="checkout.refund",
            ),
        ),
    ]
