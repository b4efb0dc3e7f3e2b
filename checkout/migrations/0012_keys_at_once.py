from django.db import migrations

from merchant.foreign_keys import checked_at_once


class Migration(migrations.Migration):
    dependencies = [("checkout", "0011_cards_refused")]
    operations = [
        checked_at_once(
            "checkout_idempotencykey", "checkout_allowance", "checkout_order", "checkout_orderline", "checkout_payment"
        )
    ]
