"""The words on the tiles of a book's grid."""

from typing import Any

from django import template
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def tile_state(tile: Any) -> SafeString:
    """The state of a page as a badge."""
    from books.admin.page_list import STATES
    from sourcebatch.lib.show import badge

    words, tone = STATES[tile.state]
    return badge(words, tone)
