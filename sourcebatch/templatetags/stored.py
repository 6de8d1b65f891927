"""How stored sentences and the entries of the change log look in templates."""

from django import template

from sourcebatch.lib import adminlog, sentences

register = template.Library()

register.filter("stored", sentences.shown)
register.filter("who", adminlog.who)
register.filter("way", adminlog.way_words)
register.filter("change", adminlog.words)
