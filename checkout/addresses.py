"""Where an order's pages are, as whole addresses for e-mails and for the payment provider."""

from django.conf import settings
from django.urls import reverse

from checkout.models import Order
from checkout.tokens import order_token, place_token
from checkout.waiting_models import WaitingPlace


def order_url(order: Order) -> str:
    return f"{settings.PUBLIC_URL}{reverse('checkout:order', args=[order_token(order.token_nonce)])}"


def place_url(place: WaitingPlace) -> str:
    return f"{settings.PUBLIC_URL}{reverse('checkout:place', args=[place_token(place.token_nonce)])}"


def list_url(place: WaitingPlace) -> str:
    """Where one may join the list again."""
    return f"{settings.PUBLIC_URL}{reverse('checkout:waiting', args=[place.drop.slug])}"


def return_url(order: Order) -> str:
    """Where the provider sends the fan back; coming back makes a worker look at once."""
    return order_url(order) + "returned/"


def pay_url(order: Order) -> str:
    return f"{settings.PUBLIC_URL}{reverse('checkout:pay', args=[order_token(order.token_nonce)])}"
