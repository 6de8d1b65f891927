"""Who made a text, by the name that an answer gives of its maker.

The local stand-in for Gemini calls itself by a name that begins with `localgemini`; what it does is no work of a
model of Google's, costs nothing and says nothing about what such a model would need.
"""

from django.utils.translation import gettext as _

STAND_IN = "localgemini"


def is_stand_in(model: str) -> bool:
    """Whether this is the stand-in's name for itself."""
    return model.startswith(STAND_IN)


def named(model: str) -> str:
    """A model's name as people read it: of the stand-in it is said that it is one."""
    return _("stand-in %(name)s") % {"name": model} if is_stand_in(model) else model
