"""An order keeps the fingerprints that its units count against, so that they are given back to these alone."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0024_lines_keep_their_tags"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="person_keys",
            field=ArrayField(
                base_field=models.CharField(max_length=64),
                blank=True,
                help_text="The fingerprints that its units count against: they are given back to these, whatever the "
                "shop says by then. Empty in orders that are older than this column.",
                null=True,
                size=None,
            ),
        ),
    ]
