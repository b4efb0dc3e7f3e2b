"""Secrets that guests carry. We keep hashes; an order's token is derived again for a replay, not stored."""

import base64
import hashlib
import secrets

from django.core.signing import BadSignature, Signer

from merchant.keyed import keyed

# Without letters and digits that look alike, so that a reference survives a telephone.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
CART_SALT = "frontrow.cart"


def hashed(token: str) -> str:
    """What we store instead of a token: sha256, enough for 128 bits and more of randomness."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_nonce() -> str:
    return secrets.token_hex(16)


def order_token(nonce: str) -> str:
    """The order's secret, 192 bits, derived from its nonce and the deployment's secret key."""
    return _derived("frontrow.order-token", nonce)


def place_token(nonce: str) -> str:
    """The secret of a place on a waiting list, derived as an order's is."""
    return _derived("frontrow.place-token", nonce)


def offer_token(nonce: str) -> str:
    """The secret of the cart in which that place gets its offer."""
    return _derived("frontrow.offer-token", nonce)


def first_token(browser: str) -> str:
    """The secret of a browser's first cart in a drop."""
    return _derived("frontrow.first-cart", browser)


def new_cart_token() -> str:
    return secrets.token_urlsafe(24)


def sealed_cart(cart_id: int) -> str:
    """Names a cart to whoever was shown its checkout page, and to nobody else."""
    return Signer(salt=CART_SALT).sign(str(cart_id))


def cart_in(seal: str) -> int | None:
    """The id of the cart that a seal names, or None where it is not ours."""
    try:
        return int(Signer(salt=CART_SALT).unsign(seal))
    except (BadSignature, ValueError):
        return None


def new_reference() -> str:
    """A name for an order that people can read out: FR- and ten signs, 49 bits."""
    left, signs = secrets.randbelow(len(ALPHABET) ** 10), ""
    for _ in range(10):
        left, sign = divmod(left, len(ALPHABET))
        signs += ALPHABET[sign]
    return f"FR-{signs}"


def _derived(salt: str, nonce: str) -> str:
    return base64.urlsafe_b64encode(keyed(salt, nonce)[:24]).decode()


def body_hmac(body: str) -> str:
    """A fingerprint of a request's body that says nothing about the body to who reads the table."""
    return keyed("frontrow.idempotency", body).hex()
