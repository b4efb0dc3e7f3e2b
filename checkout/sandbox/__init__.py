"""A local Stripe that speaks its wire protocol, for the demo and the tests. Nothing here knows the shop."""
