"""What an order comes to: delivery, tax and discounts, from the shop's own tables, in whole minor units."""
