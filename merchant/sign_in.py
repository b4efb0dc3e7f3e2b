"""The form by which staff sign in: what is wrong with it stands at the field, in the shop's words."""

from typing import Any

from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm

NOT_TOGETHER = "This name and this password do not go together. Capital letters count in both."


class SignInForm(AuthenticationForm):
    """Whoever may not come in is told the same, whatever the reason: who works here is nobody's to find out."""

    def confirm_login_allowed(self, user: Any) -> None:
        if not (user.is_active and user.is_staff):
            raise self.get_invalid_login_error()

    def get_invalid_login_error(self) -> ValidationError:
        return ValidationError({"password": NOT_TOGETHER})
