"""The choices on an order's confirmation page."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from books import languages
from books.models import Kind
from jobs.admin_actions.outlook import Choice
from jobs.models import GeminiModel
from jobs.operations import operation
from jobs.operations.base import Operation


class OrderForm(forms.Form):
    """Model, languages and what happens to texts that are there already."""

    model = forms.ChoiceField(label=_("Model"), required=False)
    language = forms.CharField(
        label=_("Language, where the book does not say"), required=False, max_length=60,
        help_text=_("Name or ISO 639 code, such as Latin or la. Empty: unknown; the model finds out."),
    )  # fmt: skip
    target_language = forms.CharField(
        label=_("Translate into"), required=False, max_length=60,
        help_text=_("Name or ISO 639 code. Empty: what each book says."),
    )  # fmt: skip
    overwrite = forms.ChoiceField(
        label=_("Pages that have this text already"), required=False, widget=forms.RadioSelect, initial="",
        choices=[
            ("", _("Leave them out")),
            ("machine", _("Make machine texts again; a person's texts stay")),
            ("human", _("Make all again, a person's texts too (the old ones stay in the history)")),
        ],
    )  # fmt: skip

    def __init__(self, type_: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.type = type_
        work = operation(type_)
        default = getattr(settings, work.batch_model_setting)
        self.fields["model"].choices = models_for(default)  # type: ignore[attr-defined]
        self.fields["model"].initial = default
        if work.kind != Kind.TRANSLATION:
            del self.fields["target_language"]

    def clean_language(self) -> str:
        return self._language("language")

    def clean_target_language(self) -> str:
        return self._language("target_language")

    def _language(self, name: str) -> str:
        try:
            return languages.normalise(self.cleaned_data[name])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def choice(self) -> Choice:
        """What was chosen; call when the form is valid, or for what it starts with when it is not bound."""
        given = self.cleaned_data if self.is_bound else {"model": self.fields["model"].initial}
        names = ("model", "language", "target_language", "overwrite")
        return Choice(self.type, **{name: given.get(name) or "" for name in names})


def models_to_choose(work: Operation) -> list[tuple[str, str]]:
    """Models that may do this work in a batch, the configured one first."""
    return models_for(getattr(settings, work.batch_model_setting))


def models_for(default: str) -> list[tuple[str, str]]:
    """Models that may be used, the configured one first."""
    rows = GeminiModel.objects.exclude(state=GeminiModel.State.RETIRED).exclude(pk=default).order_by("name")
    return [(default, default), *((row.name, _named(row)) for row in rows)]


def _named(model: GeminiModel) -> str:
    """A model that is in general use needs no remark."""
    current = model.state == GeminiModel.State.CURRENT
    return model.name if current else f"{model.name} ({model.get_state_display()})"
