"""Fans, segments and messages at the merchant's desk."""

from segments.admin import fans, messages, segments

__all__ = ["fans", "messages", "segments"]
