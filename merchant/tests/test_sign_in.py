"""Staff sign in under /admin/, and guessing is slowed down."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

pytestmark = pytest.mark.django_db
PASSWORD = "a long and quiet password"
ADDRESS = "198.51.100.7"


@pytest.fixture(autouse=True)
def owner() -> User:
    return User.objects.create_superuser("owner", password=PASSWORD)


def sign_in(client: Client, password: str, *, address: str = ADDRESS) -> Any:
    typed = {"username": "owner", "password": password, "next": "/admin/"}
    return client.post("/admin/login/", typed, REMOTE_ADDR=address)


def test_the_right_password_opens_the_desk(client: Client) -> None:
    assert sign_in(client, PASSWORD).status_code == 302
    assert client.get("/admin/").status_code == 200


def test_what_does_not_go_together_is_said_at_the_field(client: Client, owner: User) -> None:
    said = [sign_in(client, "a guess").context["form"].errors]
    owner.is_staff = False
    owner.save(update_fields=["is_staff"])
    said.append(sign_in(client, PASSWORD).context["form"].errors)
    words = "This name and this password do not go together. Capital letters count in both."
    assert said == [{"password": [words]}] * 2


def test_the_fifth_wrong_password_locks_the_door_for_the_right_one_too(client: Client, settings: Any) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT - 1):
        assert sign_in(client, "a guess").status_code == 200

    assert sign_in(client, "a guess").status_code == 429
    assert sign_in(client, PASSWORD).status_code == 429


def test_another_address_is_not_locked_out_with_it(client: Client, settings: Any) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        sign_in(client, "a guess")

    assert sign_in(client, PASSWORD, address="198.51.100.8").status_code == 302


def test_the_session_belongs_to_the_desk_alone(client: Client) -> None:
    cookie = sign_in(client, PASSWORD).cookies["sessionid"]

    assert (cookie["path"], cookie["httponly"]) == ("/admin/", True)
    assert cookie["samesite"] == "Lax"
