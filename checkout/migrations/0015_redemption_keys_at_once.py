from django.db import migrations

from merchant.foreign_keys import checked_at_once


class Migration(migrations.Migration):
    dependencies = [("checkout", "0014_totals")]
    operations = [checked_at_once("checkout_redemption", "checkout_discountcount")]
