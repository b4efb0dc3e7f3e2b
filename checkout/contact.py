"""Who orders and where it goes: read from any door, checked in one place."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import phonenumbers
from babel import Locale
from email_validator import EmailNotValidError, validate_email

from checkout.errors import Invalid

LIMITS = {"name": 120, "line1": 120, "line2": 120, "city": 80, "postal_code": 20, "region": 80}
LABELS = {"name": "name", "line1": "street", "city": "city", "postal_code": "postal code"}
OPTIONAL = {"line2": "flat, floor or company", "region": "state or region"}
WITHOUT_POSTAL_CODE = {"AE", "AO", "BS", "BZ", "FJ", "GH", "HK", "IE", "JM", "PA", "QA", "UG", "ZW"}


@dataclass(frozen=True, slots=True)
class Address:
    line1: str
    line2: str
    city: str
    postal_code: str
    region: str
    country: str

    def as_json(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Contact:
    email: str
    name: str
    phone: str
    address: Address


@cache
def countries() -> tuple[tuple[str, str], ...]:
    """ISO 3166 codes with their English names, by name."""
    names = Locale("en").territories
    found = [
        (code, name) for code, name in names.items() if len(code) == 2 and code.isalpha() and code not in NO_COUNTRY
    ]
    return tuple(sorted(found, key=lambda pair: pair[1]))


def country_name(code: str) -> str:
    """``DE`` → ``Germany``; a code nobody knows stays as it is."""
    return _names().get(code, code)


@cache
def _names() -> dict[str, str]:
    return dict(countries())


NO_COUNTRY = {"EU", "EZ", "UN", "ZZ", "QO", "XA", "XB"}  # unions, pseudo-places and "unknown" in CLDR's list


def read_contact(given: Mapping[str, Any]) -> Contact:
    """A contact from loose text. Raises Invalid with a message beside every field that is wrong."""
    wrong: dict[str, str] = {}
    text = {name: _text(given, name, wrong) for name in LIMITS}
    country = read_country(given.get("country"), wrong)
    for name, label in LABELS.items():
        if not text[name] and name not in wrong and not (name == "postal_code" and country in WITHOUT_POSTAL_CODE):
            wrong[name] = f"Enter your {label}."
    email = read_email(given.get("email"), wrong)
    phone = _phone(given.get("phone"), country, wrong)
    if wrong:
        raise Invalid(wrong)
    name = text.pop("name")
    return Contact(email, name, phone, Address(**text, country=country))


def read_country(given: object, wrong: dict[str, str]) -> str:
    code = given.strip().upper() if isinstance(given, str) else ""
    if code not in _names():
        wrong["country"] = "Choose a country."
        return ""
    return code


def _text(given: Mapping[str, Any], name: str, wrong: dict[str, str]) -> str:
    value = given.get(name) or ""
    if not isinstance(value, str):
        wrong[name] = "This must be text."
        return ""
    value = " ".join(value.split())
    if len(value) > LIMITS[name]:
        wrong[name] = f"At most {LIMITS[name]} characters for your {(LABELS | OPTIONAL)[name]}."
    elif not value.isprintable():
        wrong[name] = "This has characters that cannot be printed on a label."
    return value


def read_email(given: object, wrong: dict[str, str]) -> str:
    """The address as it is written to; where it is none, "" and a message in ``wrong``."""
    try:
        # Whether the domain takes mail is the mail's business; a checkout must not wait for DNS.
        return validate_email(str(given or "").strip(), check_deliverability=False).normalized
    except EmailNotValidError:
        wrong["email"] = "Enter an e-mail address like name@example.com."
        return ""


def _phone(given: object, country: str, wrong: dict[str, str]) -> str:
    if not given:
        return ""
    try:
        number = phonenumbers.parse(str(given)[:40], country or None)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        wrong["phone"] = "Enter a phone number with its country code, like +49 30 901820, or leave it empty."
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
