import pytest
from django.db import ProgrammingError

from segments import consent
from segments.fans import find_or_create
from segments.models import Channel, Consent, Fan

pytestmark = pytest.mark.django_db
WORDING = "Tell me about drops by e-mail."


@pytest.fixture
def fan() -> Fan:
    return find_or_create("fan@example.com")


def test_silence_is_a_no(fan: Fan) -> None:
    assert consent.current(fan, Channel.EMAIL) is None
    assert not consent.agreed(fan, Channel.EMAIL)
    assert not consent.address_agreed("stranger@example.com")


def test_the_newest_answer_counts_and_the_older_ones_stay(fan: Fan) -> None:
    consent.record(fan, Channel.EMAIL, True, source="checkout", wording=WORDING)
    no = consent.record(fan, Channel.EMAIL, False, source="preferences", wording=WORDING)

    assert consent.current(fan, Channel.EMAIL) == no
    assert not consent.address_agreed("FAN@example.com")
    assert Consent.objects.filter(fan=fan).count() == 2


def test_a_yes_to_one_channel_or_topic_is_none_to_another(fan: Fan) -> None:
    consent.record(fan, Channel.EMAIL, True, source="checkout", wording=WORDING)

    assert consent.agreed(fan, Channel.EMAIL)
    assert not consent.agreed(fan, Channel.SMS)
    assert not consent.agreed(fan, Channel.EMAIL, topic="events")


def test_an_answer_cannot_be_rewritten(fan: Fan) -> None:
    consent.record(fan, Channel.EMAIL, False, source="checkout", wording=WORDING)

    with pytest.raises(ProgrammingError, match="Cannot update"):
        Consent.objects.update(granted=True)
