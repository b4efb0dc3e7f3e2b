"""What was sold, kept with its line. Of what was sold before, today's tags are the best that is known."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

AS_TAGGED_TODAY = """
    UPDATE checkout_orderline SET tags = p.tags
    FROM drops_offer o JOIN drops_variant v ON v.id = o.variant_id JOIN drops_product p ON p.id = v.product_id
    WHERE o.id = checkout_orderline.offer_id AND p.tags <> '{}'
"""


class Migration(migrations.Migration):

    dependencies = [
        ("checkout", "0023_surfaces"),
        ("drops", "0001_initial"),  # its products are looked at
    ]

    operations = [
        migrations.AddField(
            model_name="orderline",
            name="tags",
            field=ArrayField(
                base_field=models.SlugField(max_length=40),
                blank=True,
                db_default=[],
                default=list,
                help_text="Of the product, as it was sold: what its fan may do afterwards hangs on them.",
                size=None,
            ),
        ),
        migrations.RunSQL(AS_TAGGED_TODAY, migrations.RunSQL.noop),
    ]
