"""Where a cart was begun and an order came through. What was placed before is known by what its fans were shown."""

from django.db import migrations, models

FIELD = {
    "choices": [("checkout", "Checkout page"), ("api", "API")],
    "default": "checkout",
    "db_default": "checkout",
    "max_length": 20,
}
ORDERS = """
    UPDATE checkout_order SET surface = 'api' WHERE EXISTS (
        SELECT FROM policies_acceptance a WHERE a.order_ref = checkout_order.reference AND a.surface = 'api')
"""
CARTS = """
    UPDATE checkout_cart SET surface = 'api' WHERE EXISTS (
        SELECT FROM checkout_order o WHERE o.cart_id = checkout_cart.id AND o.surface = 'api')
"""


class Migration(migrations.Migration):

    dependencies = [
        ("checkout", "0022_processing_ends"),
        ("policies", "0001_initial"),  # its acceptances are looked at
    ]

    operations = [
        migrations.AddField(
            model_name="cart",
            name="surface",
            field=models.CharField(help_text="Where it was begun.", **FIELD),
        ),
        migrations.AddField(
            model_name="order",
            name="surface",
            field=models.CharField(
                help_text="The door it came through: the shop's page, or another front end by the API.", **FIELD
            ),
        ),
        migrations.RunSQL(ORDERS, migrations.RunSQL.noop),
        migrations.RunSQL(CARTS, migrations.RunSQL.noop),
    ]
