"""The payment provider's codes in words, for the pages of the desk."""

from django import template

from checkout import provider_words

register = template.Library()
register.filter("provider_status", provider_words.status)
register.filter("provider_path", provider_words.path)
register.filter("provider_event", provider_words.event)
register.filter("provider_problem", provider_words.problem)
register.filter("refund_problem", provider_words.refund_problem)
register.filter("dispute_status", provider_words.dispute_status)
register.filter("dispute_reason", provider_words.dispute_reason)
