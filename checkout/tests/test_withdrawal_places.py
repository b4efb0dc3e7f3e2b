from checkout import withdrawal
from policies.places import EEA


def test_the_checklist_asks_for_the_text_wherever_the_right_is_given() -> None:
    assert withdrawal.COUNTRIES == EEA
