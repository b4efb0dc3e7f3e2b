"""Pagination, filters, search and expansion."""

import stripe

from checkout.sandbox.testing import SandboxServer
from checkout.sandbox.tests.steps import paid, unpaid


def test_pages_newest_first_in_both_directions(client: stripe.StripeClient) -> None:
    ids = [unpaid(client) for _ in range(5)][::-1]

    first = client.v1.payment_intents.list({"limit": 2})
    second = client.v1.payment_intents.list({"limit": 2, "starting_after": ids[1]})
    last = client.v1.payment_intents.list({"limit": 2, "starting_after": ids[3]})
    back = client.v1.payment_intents.list({"limit": 2, "ending_before": ids[4]})

    assert ([intent.id for intent in first.data], first.has_more) == (ids[:2], True)
    assert ([intent.id for intent in second.data], second.has_more) == (ids[2:4], True)
    assert ([intent.id for intent in last.data], last.has_more) == (ids[4:], False)
    assert ([intent.id for intent in back.data], back.has_more) == (ids[2:4], True)


def test_the_sdk_pages_by_itself(client: stripe.StripeClient) -> None:
    ids = {unpaid(client) for _ in range(23)}
    found = [intent.id for intent in client.v1.payment_intents.list({"limit": 10}).auto_paging_iter()]
    assert (len(found), set(found)) == (23, ids)


def test_filters_by_creation(client: stripe.StripeClient, sandbox: SandboxServer) -> None:
    unpaid(client)
    sandbox.advance(3600)
    late = client.v1.payment_intents.retrieve(unpaid(client))
    found = client.v1.payment_intents.list({"created": {"gte": late.created}})
    assert [intent.id for intent in found.data] == [late.id]


def test_finds_an_order_by_its_metadata(client: stripe.StripeClient) -> None:
    unpaid(client, order="A1")
    wanted = paid(client, order="A2").id
    unpaid(client, order="A2")

    found = client.v1.payment_intents.search({"query": "metadata['order']:'A2' AND status:'succeeded'"})

    assert [intent.id for intent in found.data] == [wanted]


def test_expands_inside_a_list(client: stripe.StripeClient) -> None:
    paid(client)
    [intent] = client.v1.payment_intents.list({"expand": ["data.latest_charge"]}).data
    assert isinstance(intent.latest_charge, stripe.Charge)


def test_filters_events_by_type(client: stripe.StripeClient) -> None:
    paid(client)
    found = client.v1.events.list({"types": ["payment_intent.succeeded", "charge.failed"]})
    assert [event.type for event in found.data] == ["payment_intent.succeeded"]
