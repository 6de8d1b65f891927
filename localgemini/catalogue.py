"""The models that this server knows, and how each one counts and thinks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localgemini.errors import unknown_model


@dataclass(frozen=True)
class Model:
    """A model's name and what its requests may say. `thinks` is what it does when a request is silent."""

    name: str
    title: str
    generation: int
    thinks: bool
    input_limit: int = 1_048_576
    output_limit: int = 65_536

    def view(self) -> dict[str, Any]:
        return {
            "name": f"models/{self.name}",
            "version": "001",
            "displayName": self.title,
            "description": "Local stand-in: no model of Google's answers here.",
            "inputTokenLimit": self.input_limit,
            "outputTokenLimit": self.output_limit,
            "supportedGenerationMethods": ["generateContent", "countTokens", "batchGenerateContent"],
            "thinking": True,
        }


MODELS = {
    model.name: model
    for model in (
        Model("gemini-3.5-flash-lite", "Gemini 3.5 Flash-Lite", 3, thinks=False),
        Model("gemini-3.8-flash", "Gemini 3.8 Flash", 3, thinks=True),
        Model("gemini-3.5-flash", "Gemini 3.5 Flash", 3, thinks=True),
        Model("gemini-3.1-flash-lite", "Gemini 3.1 Flash-Lite", 3, thinks=False),
        Model("gemini-3-flash-preview", "Gemini 3 Flash Preview", 3, thinks=True),
        Model("gemini-2.5-flash", "Gemini 2.5 Flash", 2, thinks=True),
        Model("gemini-2.5-flash-lite", "Gemini 2.5 Flash-Lite", 2, thinks=False),
    )
}


def find(name: str) -> Model:
    """The model of that name, with or without `models/`; an unknown one is Google's 404."""
    short = name.removeprefix("models/")
    if short not in MODELS:
        raise unknown_model(short)
    return MODELS[short]
