"""What was sold, kept with its line. Of what was sold before, today's parts are the best that is known."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

AS_COMPOSED_TODAY = """
    UPDATE checkout_orderline SET parts = sold.parts
    FROM (
        SELECT offer_id, array_agg(ARRAY[stock_item_id, quantity] ORDER BY stock_item_id) AS parts
        FROM drops_offercomponent GROUP BY offer_id
    ) sold
    WHERE sold.offer_id = checkout_orderline.offer_id
"""


class Migration(migrations.Migration):

    dependencies = [
        ("checkout", "0025_whom_an_order_counts_against"),
        ("drops", "0001_initial"),  # its sets are looked at
    ]

    operations = [
        migrations.AddField(
            model_name="orderline",
            name="parts",
            field=ArrayField(
                base_field=ArrayField(base_field=models.BigIntegerField(), size=2),
                blank=True,
                db_default=[],
                default=list,
                help_text="What one of it took from stock, as it was sold: stock items, and how many of each.",
                size=None,
            ),
        ),
        migrations.RunSQL(AS_COMPOSED_TODAY, migrations.RunSQL.noop),
    ]
