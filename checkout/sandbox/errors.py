"""Errors of Stripe's shape. https://docs.stripe.com/api/errors"""

from typing import Any

Json = dict[str, Any]


class StripeError(Exception):
    """Becomes `{"error": {…}}` with an HTTP status.

    `stored` says whether an idempotency key remembers it: Stripe keeps no answer for a request that was refused
    before it began to execute.
    """

    def __init__(self, status: int, kind: str, message: str, *, stored: bool = True, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.stored = stored
        self.error: Json = {"type": kind, "message": message}
        self.error.update({name: value for name, value in details.items() if value is not None})
        if code := details.get("code"):
            self.error["doc_url"] = f"https://stripe.com/docs/error-codes/{str(code).replace('_', '-')}"


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeError:
    """The request never began: a parameter is wrong."""
    return StripeError(400, "invalid_request_error", message, stored=False, param=param, code=code)


def refused(message: str, *, code: str | None = None, **details: Any) -> StripeError:
    """The request is well formed, but the object's state does not allow it."""
    return StripeError(400, "invalid_request_error", message, code=code, **details)


def no_such(kind: str, identifier: str, *, param: str = "id", status: int = 404) -> StripeError:
    label = kind.replace(".", "_")
    message = f"No such {label}: '{identifier}'"
    return StripeError(status, "invalid_request_error", message, code="resource_missing", param=param)


def unauthorised(message: str) -> StripeError:
    return StripeError(401, "invalid_request_error", message, stored=False)


def key_in_use(key: str) -> StripeError:
    message = (
        f"There is currently another in-progress request using this Idempotent Key ({key}) "
        "(that probably means you submitted twice, and the other request is still going through). "
        "Try again later."
    )
    return StripeError(409, "idempotency_error", message, stored=False, code="idempotency_key_in_use")


def key_reused(key: str) -> StripeError:
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request."
    )
    return StripeError(400, "idempotency_error", message, stored=False)


def rate_limited() -> StripeError:
    message = "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits."
    return StripeError(429, "invalid_request_error", message, stored=False, code="rate_limit")


def broken(status: int) -> StripeError:
    return StripeError(status, "api_error", "An error occurred on Stripe's side (switched on in the sandbox).")
