from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('checkout', '0006_cart_hard_cap'),
    ]

    operations = [
        migrations.AlterField(
            model_name='payment',
            name='path',
            field=models.CharField(choices=[('intent', 'On our page (PaymentIntent)'), ('session', "On the provider's page (Checkout Session)"), ('pickup', 'When it is picked up')], default='intent', max_length=10),
        ),
    ]
