"""A generateContent request, checked as Google checks it: what is unknown or wrong is refused by name."""

from __future__ import annotations

import binascii
from dataclasses import dataclass, field
from typing import Any

import pybase64

from localgemini import pictures
from localgemini.catalogue import Model
from localgemini.errors import BadRequest, unknown_field
from localgemini.pictures import Picture

TOP = {
    "model", "contents", "systemInstruction", "generationConfig", "safetySettings", "tools", "toolConfig",
    "cachedContent", "labels", "serviceTier", "store",
}  # fmt: skip
CONFIG = {
    "temperature", "topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences", "responseLogprobs",
    "logprobs", "presencePenalty", "frequencyPenalty", "seed", "responseMimeType", "responseSchema",
    "responseJsonSchema", "_responseJsonSchema", "routingConfig", "modelSelectionConfig",
    "responseModalities", "mediaResolution", "speechConfig", "audioTimestamp", "thinkingConfig",
    "imageConfig", "enableEnhancedCivicAnswers", "responseFormat",
}  # fmt: skip
PART = {
    "text", "inlineData", "fileData", "thought", "thoughtSignature", "mediaResolution", "videoMetadata",
    "functionCall", "functionResponse", "executableCode", "codeExecutionResult", "partMetadata",
}  # fmt: skip
TO_STANDARD = bytes.maketrans(b"-_", b"+/")
IMAGE_TYPES = {"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"}
RESOLUTIONS = {"LOW": 280, "MEDIUM": 560, "HIGH": 1120, "ULTRA_HIGH": 2240, "UNSPECIFIED": 1120}
LEVELS = {"minimal", "low", "medium", "high", "thinking_level_unspecified"}


@dataclass(frozen=True)
class Image:
    """One picture of a request, with the tokens that its resolution costs (Gemini 3)."""

    data: bytes
    picture: Picture
    mime_type: str
    resolution: str


@dataclass
class Request:
    """What was asked: instruction and prompt, pictures in order, and the limits that bind the answer."""

    model: Model
    instruction: str = ""
    texts: list[str] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    max_output: int = 65_536
    thinking: int = 0

    @property
    def prompt(self) -> str:
        return "\n".join([self.instruction, *self.texts])


def parse(body: Any, model: Model) -> Request:
    """Read one request. Raises BadRequest with the field's name, as Google words it."""
    source = fields(body, TOP, "request")
    config = fields(source.get("generationConfig") or {}, CONFIG, "generation_config")
    request = Request(model, instruction=_instruction(source.get("systemInstruction")))
    default = _resolution(config.get("mediaResolution"))
    for content in _contents(source.get("contents")):
        for part in _parts(content):
            _take(request, part, default)
    request.max_output = _limit(config.get("maxOutputTokens"), model)
    request.thinking = _thinking(config.get("thinkingConfig") or {}, model)
    _check_numbers(config)
    return request


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    if not head:
        return name
    return head + "".join(word.capitalize() for word in rest)


def fields(value: Any, known: set[str], where: str) -> dict[str, Any]:
    """An object's fields in camelCase (Google takes snake_case too). Raises BadRequest for an unknown one."""
    if not isinstance(value, dict):
        raise BadRequest(f"Invalid value at '{where}': an object was expected.")
    named = {_camel(name): item for name, item in value.items() if item is not None}
    for name in named:
        if name not in known:
            raise unknown_field(name, where)
    return named


def _contents(value: Any) -> list[dict[str, Any]]:
    if not value:
        raise BadRequest("* GenerateContentRequest.contents: contents is not specified")
    if not isinstance(value, list):
        raise BadRequest("Invalid value at 'contents': a list was expected.")
    contents = [fields(item, {"role", "parts"}, "contents") for item in value]
    for content in contents:
        if content.get("role", "user") not in ("user", "model"):
            raise BadRequest("Please use a valid role: user, model.")
    return contents


def _parts(content: dict[str, Any]) -> list[dict[str, Any]]:
    parts = content.get("parts")
    if not isinstance(parts, list) or not parts:
        raise BadRequest("* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.")
    return [fields(part, PART, "contents.parts") for part in parts]


def _instruction(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    content = fields(value, {"role", "parts"}, "system_instruction")
    return "\n".join(str(part.get("text", "")) for part in _parts(content))


def _take(request: Request, part: dict[str, Any], default: str) -> None:
    if "text" in part:
        if not isinstance(part["text"], str):
            raise BadRequest("Invalid value at 'contents.parts.text': a string was expected.")
        request.texts.append(part["text"])
    elif "inlineData" in part:
        request.images.append(_image(part, default))
    elif "fileData" in part:
        raise BadRequest("This server reads pictures from inlineData only, not from fileData.")
    else:
        raise BadRequest("Unable to submit request because it must have a text or inlineData parameter.")


def _image(part: dict[str, Any], default: str) -> Image:
    blob = fields(part["inlineData"], {"mimeType", "data", "displayName"}, "contents.parts.inline_data")
    kind = str(blob.get("mimeType", ""))
    if kind not in IMAGE_TYPES:
        raise BadRequest(f"Unsupported MIME type: {kind}")
    try:
        data = _decode(blob.get("data") or "")
    except (binascii.Error, ValueError, TypeError):
        message = "Invalid value at 'contents.parts.inline_data.data': Base64 decoding failed."
        raise BadRequest(message) from None
    picture = pictures.look(data)
    if picture is None:
        raise BadRequest("Unable to process input image. Please retry or report in the developer forum.")
    own = part.get("mediaResolution")
    level = own.get("level") if isinstance(own, dict) else own
    return Image(data, picture, kind, _resolution(level) if level else default)


def _decode(text: str | memoryview) -> bytes:
    """Base64 in either alphabet, as Google takes it: the SDK writes the URL-safe one in direct calls."""
    try:
        return pybase64.b64decode(text, validate=True)
    except binascii.Error:
        plain = text.encode() if isinstance(text, str) else bytes(text)
        return pybase64.b64decode(plain.translate(TO_STANDARD), validate=True)


def _resolution(value: Any) -> str:
    name = str(value or "MEDIA_RESOLUTION_HIGH").removeprefix("MEDIA_RESOLUTION_")
    if name not in RESOLUTIONS:
        raise BadRequest(f"Invalid value at 'generation_config.media_resolution': \"{value}\"")
    return name


def _limit(value: Any, model: Model) -> int:
    if value is None:
        return model.output_limit
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise BadRequest("* GenerateContentRequest.generation_config.max_output_tokens: must be positive.")
    return min(value, model.output_limit)


def _thinking(value: Any, model: Model) -> int:
    """Tokens that this model will spend on thoughts, unless the answer's limit cuts them."""
    config = fields(value, {"includeThoughts", "thinkingBudget", "thinkingLevel"}, "thinking_config")
    level, budget = config.get("thinkingLevel"), config.get("thinkingBudget")
    if level is not None and budget is not None:
        raise BadRequest("You can only set one of thinking budget and thinking level.")
    if level is not None:
        return _level(str(level).lower(), model)
    if budget is not None:
        return _budget(budget)
    return 400 if model.thinks else 0


def _level(level: str, model: Model) -> int:
    if model.generation < 3:
        raise BadRequest("Thinking level is not supported for this model.")
    if level not in LEVELS:
        raise BadRequest(f"Invalid value at 'thinking_config.thinking_level': \"{level}\"")
    return {"minimal": 0, "low": 120, "medium": 400, "high": 900}.get(level, 400 if model.thinks else 0)


def _budget(budget: Any) -> int:
    if not isinstance(budget, int) or isinstance(budget, bool) or not -1 <= budget <= 24_576:
        raise BadRequest(f"The thinking budget {budget} is invalid. Choose a value between 0 and 24576.")
    return 400 if budget == -1 else min(budget, 900)


def _check_numbers(config: dict[str, Any]) -> None:
    for name, low, high in (("temperature", 0, 2), ("topP", 0, 1)):
        value = config.get(name)
        if value is not None and not (isinstance(value, (int, float)) and low <= value <= high):
            raise BadRequest(f"{name} must be in the range [{low}, {high}].")
    if config.get("candidateCount", 1) != 1:
        raise BadRequest("Only one candidate can be specified in this model.")
