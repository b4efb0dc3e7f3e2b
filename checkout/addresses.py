"""Where an order's pages are, as whole addresses for e-mails and for the payment provider."""

from django.conf import settings
from django.urls import reverse

from checkout.models import Order
from checkout.tokens import order_token


def order_url(order: Order) -> str:
    return f"{settings.PUBLIC_URL}{reverse('checkout:order', args=[order_token(order.token_nonce)])}"


def return_url(order: Order) -> str:
    """Where the provider sends the fan back; coming back makes a worker look at once."""
    return order_url(order) + "returned/"


def pay_url(order: Order) -> str:
    return f"{settings.PUBLIC_URL}{reverse('checkout:pay', args=[order_token(order.token_nonce)])}"
