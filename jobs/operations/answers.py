"""One reading of Gemini's answers, whichever way they came, and one judgement of what is no success (I04,
I20-I22).
"""

import json
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, NoReturn

from django.conf import settings

from books import quality
from books.texts import storable
from jobs.operations.base import Answer, Refused, Usage

RAW_LENGTH = 20_000  # characters
LONGEST_NAME = 100  # characters of a model's name
HIGHEST_OUTPUT = 65_536  # tokens: more than this no model answers
WARMER = 0.7

# google.rpc's names where an error has no number.
CODES = {
    "INVALID_ARGUMENT": 3, "DEADLINE_EXCEEDED": 4, "NOT_FOUND": 5, "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8, "FAILED_PRECONDITION": 9, "INTERNAL": 13, "UNAVAILABLE": 14,
    "UNAUTHENTICATED": 16,
}  # fmt: skip
HOPELESS_ERRORS = {3, 400}
FORBIDDEN = {"SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII"}
NO_REASON = {"", "FINISH_REASON_UNSPECIFIED"}


def parse(line: Any, *, raw: bool = True) -> Answer:
    """A result line of a file, an inline result or a direct response, in camelCase or snake_case.

    `raw=False` leaves out the answer as a person reads it. Never raises: what has an odd shape becomes an Answer
    without text that `judge` refuses.
    """
    response = _map(_get(line, "response"))
    if not response and _get(line, "candidates", "usageMetadata", "promptFeedback") is not None:
        response = _map(line)
    error = _get(line, "error") or _get(response, "error")
    candidate = _first(_get(response, "candidates"))
    code, message = _error(error)
    return Answer(
        key=_key(line),
        text=_text(candidate),
        finish_reason=_word(_get(candidate, "finishReason")),
        block_reason=_word(_get(_get(response, "promptFeedback"), "blockReason")),
        usage=usage(_get(response, "usageMetadata")),
        error_code=code,
        error_message=message,
        raw=_raw(line) if raw else "",
        model_version=storable(_word(_get(response, "modelVersion"))).removeprefix("models/")[:LONGEST_NAME],
    )


def usage(metadata: Any) -> Usage:
    """The tokens of a `usageMetadata`, any part of which may be absent."""
    return Usage(
        input=_count(_get(metadata, "promptTokenCount")),
        output=_count(_get(metadata, "candidatesTokenCount")),
        thinking=_count(_get(metadata, "thoughtsTokenCount")),
    )


def judge(answer: Answer) -> str:
    """The cleaned text of an answer that is a success. Raises Refused for every other."""
    if answer.error_code is not None or answer.error_message:
        _refuse_error(answer)
    if answer.block_reason:
        _refuse(
            answer, "blocked", f"Gemini did not read the page: blocked as {answer.block_reason}.", retry=False
        )
    reason = answer.finish_reason.removeprefix("IMAGE_")
    if reason != "STOP":
        _refuse_finish(answer, reason)
    text = clean(answer.text)
    if not text:
        what = "thoughts but no text" if answer.usage.thinking else "no text"
        _refuse(answer, "empty", f"Gemini answered with {what}.", retry=True)
    return text


def _refuse(answer: Answer, reason: str, sentence: str, *, retry: bool, **escalation: Any) -> NoReturn:
    raise Refused(
        reason, sentence, retry=retry, escalation={**answer.escalation, **escalation} if retry else {}
    )


def _refuse_error(answer: Answer) -> NoReturn:
    code = answer.error_code
    said = answer.error_message or "no explanation"
    if code in HOPELESS_ERRORS:
        _refuse(answer, "bad_request", f"Gemini refused the request (code {code}): {said}", retry=False)
    number = "" if code is None else f" (code {code})"
    _refuse(answer, "gemini_error", f"Gemini could not answer{number}: {said}", retry=True)


def _refuse_finish(answer: Answer, reason: str) -> NoReturn:
    """The reason decides what may help: nothing, another temperature, more room, or simply another try."""
    if reason in FORBIDDEN:
        _refuse(answer, reason.lower(), f"Gemini stopped with {answer.finish_reason}.", retry=False)
    if reason == "LANGUAGE":
        _refuse(answer, "language", "Gemini says that it does not know the page's language.", retry=False)
    if reason == "RECITATION":
        _refuse_recitation(answer)
    if reason == "MAX_TOKENS":
        _refuse_cut_off(answer)
    if reason in NO_REASON and not answer.text:
        _refuse(answer, "empty", "Gemini answered with no text and no reason.", retry=True)
    named = "no word on whether the text is whole" if reason in NO_REASON else answer.finish_reason
    _refuse(answer, "unfinished", f"Gemini ended its answer with {named}.", retry=True)


def _refuse_recitation(answer: Answer) -> NoReturn:
    sentence = "Gemini stopped because the page is too like a published text (RECITATION)."
    if "temperature" in answer.escalation:
        _refuse(answer, "recitation", sentence, retry=False)
    _refuse(answer, "recitation", sentence, retry=True, temperature=WARMER)


def _refuse_cut_off(answer: Answer) -> NoReturn:
    """Half a page is no page (I21). A loop that ran into the limit would only run into the next one."""
    if quality.loop(answer.text, quality.Context()):
        sentence = "Gemini repeated itself until the length limit."
        _refuse(answer, "loop", sentence, retry=True, temperature=WARMER)
    sentence = "The answer was cut off at the length limit (MAX_TOKENS)."
    used = answer.usage.output + answer.usage.thinking
    if "max_output_tokens" in answer.escalation or used > 1.5 * settings.MAX_OUTPUT_TOKENS:
        _refuse(answer, "max_tokens", sentence, retry=False)
    doubled = min(2 * settings.MAX_OUTPUT_TOKENS, HIGHEST_OUTPUT)
    _refuse(answer, "max_tokens", sentence, retry=True, max_output_tokens=doubled)


# --- Cleaning
# ----------------------------------------------------------------------------------------------------

_YES = r"(?:(?:Sure|Certainly|Of course|Okay|OK|Gerne|Natürlich|Bien sûr|Claro|Certo|Certamente)\b[,.!]?\s+)?"
_WORK = (
    r"(?:translation|transcription|transcript|OCR|Übersetzung|Transkription|Abschrift|traduction|transcription"
    r"|traducción|transcripción|traduzione|trascrizione|vertaling|transcriptie|tradução|transcrição)"
)
_LEAD = (
    r"(?:Here is|Here's|Here are|Below is|The following is|Hier ist|Nachfolgend|Im Folgenden|Voici|Ci-dessous"
    r"|Aquí está|Aquí tiene|Aquí tienes|A continuación|Ecco|Di seguito|Hier is|Hieronder|Aqui está|Segue)"
)
PREAMBLE = re.compile(rf"{_YES}{_LEAD}\b[^\n]{{0,80}}?\b{_WORK}\b[^\n]{{0,160}}:[ *]*(?:\n|$)", re.IGNORECASE)
LABEL = re.compile(
    rf"(?:#+ *)?\*{{0,2}}(?:\w+ )?{_WORK}(?: into \w+)?(?::\*{{0,2}}|\*\*:) *\n", re.IGNORECASE
)
FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*[\w-]*[ \t]*\n(.*?)\n?\1[ \t]*(?:\n|$)", re.DOTALL)
CHATTER = re.compile(
    r"\n\s*\n(?:Please )?(?:Let me know (?:if|whether)|Feel free to ask"
    r"|I hope this (?:helps|translation|transcription)|Would you like me to|Is there anything else"
    r"|If you (?:need|have|would like) (?:any |me to )[^\n]*(?:let me know|feel free|ask)"
    r"|Lassen Sie mich wissen|N'hésitez pas à me)[^\n]*\s*$",
    re.IGNORECASE,
)


def clean(text: str) -> str:
    """The text without what a model wraps around it: code fences, an announcement, a closing remark, odd
    spaces.

    Only clear forms at the very start and the very end go; what merely resembles one stays for the quality
    gate.
    """
    text = storable(text).replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff").strip()
    for _ in range(3):
        bare = _without_wrapping(text)
        if bare == text:
            break
        text = bare
    lines = [line.rstrip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _without_wrapping(text: str) -> str:
    for announcement in (PREAMBLE, LABEL):
        if found := announcement.match(text):
            text = text[found.end() :].lstrip()
    if (found := FENCE.match(text)) and _is_outer(text[found.end() :]):
        text = found[2].strip()
    return CHATTER.sub("", text).strip()


def _is_outer(rest: str) -> bool:
    """Whether a fence held the whole answer: after it comes nothing, or nothing but a closing remark."""
    return not rest.strip() or bool(CHATTER.fullmatch("\n\n" + rest.strip()))


# --- Odd shapes
# --------------------------------------------------------------------------------------------------


def _map(value: Any) -> Mapping[str, Any]:
    # Asking for a dictionary first is ten times as quick as asking for a mapping.
    return value if isinstance(value, dict | Mapping) else {}


def _get(value: Any, *names: str) -> Any:
    """The first of these fields that is there, under its camelCase or snake_case name; None for anything
    odd.
    """
    fields = _map(value)
    for name in names if fields else ():
        for spelling in _spellings(name):
            if (item := fields.get(spelling)) is not None:
                return item
    return None


@cache
def _spellings(name: str) -> tuple[str, ...]:
    """The name as REST spells it, and as Python does where that is another."""
    snake = re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), name)
    return (name,) if snake == name else (name, snake)


def _first(value: Any) -> Any:
    listed = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else []
    return listed[0] if listed else None


def _key(line: Any) -> str:
    key = _get(line, "key")
    if key is None:
        key = _get(_get(line, "metadata"), "key")
    return key if isinstance(key, str) else ""


def _word(value: Any) -> str:
    """An enum's name, as text or as a member of the SDK's."""
    value = value.value if isinstance(value, Enum) else value
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _text(candidate: Any) -> str:
    """All text parts in order, none of the thoughts."""
    parts = _get(_get(candidate, "content"), "parts")
    if not isinstance(parts, Sequence) or isinstance(parts, str | bytes):
        return ""
    texts = [_get(part, "text") for part in parts if not _get(part, "thought")]
    return "".join(text for text in texts if isinstance(text, str))


def _error(error: Any) -> tuple[int | None, str]:
    if not isinstance(error, Mapping):
        return None, str(error)[:1000] if error else ""
    code, status = error.get("code"), _word(error.get("status"))
    if isinstance(code, str):
        # Python reads no number of thousands of digits: no code has more than three.
        code = int(code) if code.isdecimal() and len(code) < 10 else CODES.get(code)
    if not isinstance(code, int) or isinstance(code, bool):
        code = CODES.get(status)
    return code, str(error.get("message") or status or ("" if code else "an error without a text"))[:1000]


def _raw(line: Any) -> str:
    """The answer as JSON, cut, without image bytes: what a person reads to find out what happened."""
    try:
        return json.dumps(_without_bytes(line), ensure_ascii=False, default=str)[:RAW_LENGTH]
    except (RecursionError, ValueError, TypeError):
        return f"an answer that cannot be shown ({type(line).__name__})"


def _without_bytes(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _short(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_bytes(item) for item in value]
    return value


def _short(name: str, item: Any) -> Any:
    if name in ("data", "thoughtSignature", "thought_signature") and isinstance(item, str | bytes):
        return f"({len(item)} characters left out)"
    return _without_bytes(item)
