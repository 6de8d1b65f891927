"""How a single page may end other than well: every shape of answer that Gemini has been seen to give."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from localgemini.answers import Answer
from localgemini.errors import GoogleError

Spec = dict[str, Any]
Outcome = Callable[[Answer, Spec], dict[str, Any]]

LINE_ACTIONS = {"missing", "doubled", "foreign_key", "no_key", "malformed"}
LOOP = "et cetera et cetera in saecula saeculorum "


class LineError(GoogleError):
    """An error line in a batch's results; `code` is Google's small number there (3, 13, 14) or 429."""

    HTTP = {3: 400, 4: 504, 7: 403, 8: 429, 13: 500, 14: 503}

    def __init__(self, code: int, message: str) -> None:
        super().__init__(self.HTTP.get(code, code), message)
        self.line_code = code


def line_code(error: GoogleError) -> int:
    """The code that stands in a result line for this refusal."""
    codes = {http: code for code, http in LineError.HTTP.items() if http != 429}
    return error.line_code if isinstance(error, LineError) else codes.get(error.code, error.code)


def is_outcome(name: Any) -> bool:
    return isinstance(name, str) and (name in OUTCOMES or name in LINE_ACTIONS or _is_reason(name))


def apply(answer: Answer, spec: Spec | None) -> dict[str, Any]:
    """The response that this fault makes of a good answer. Raises LineError where the page gets an error."""
    if spec is None or spec["outcome"] in LINE_ACTIONS:
        return answer.response()
    name = spec["outcome"]
    if name in OUTCOMES:
        return OUTCOMES[name](answer, spec)
    answer.finish, answer.text = name, ""
    return answer.with_parts(None)


def _is_reason(name: str) -> bool:
    """A finish reason: any of Google's, or one that it has yet to invent."""
    return re.fullmatch(r"[A-Z][A-Z_]+", name) is not None


def _max_tokens(answer: Answer, spec: Spec) -> dict[str, Any]:
    answer.finish, answer.text = "MAX_TOKENS", answer.text[: len(answer.text) // 2]
    return answer.response()


def _max_tokens_empty(answer: Answer, spec: Spec) -> dict[str, Any]:
    answer.finish, answer.text, answer.thoughts = "MAX_TOKENS", "", answer.request.max_output
    return answer.response()


def _no_candidates(answer: Answer, spec: Spec) -> dict[str, Any]:
    return answer.tail("")


def _empty_candidates(answer: Answer, spec: Spec) -> dict[str, Any]:
    return {"candidates": [], **answer.tail("")}


def _empty_text(answer: Answer, spec: Spec) -> dict[str, Any]:
    return answer.with_parts([{"text": ""}])


def _no_parts(answer: Answer, spec: Spec) -> dict[str, Any]:
    return answer.with_parts([])


def _prompt_blocked(answer: Answer, spec: Spec) -> dict[str, Any]:
    return {
        "promptFeedback": {"blockReason": spec.get("block_reason", "PROHIBITED_CONTENT")},
        **answer.tail(""),
    }


def _thought_only(answer: Answer, spec: Spec) -> dict[str, Any]:
    answer.thoughts = max(answer.thoughts, 200)
    return answer.with_parts([{"text": "The page seems to be set in roman type.", "thought": True}])


def _thought_and_text(answer: Answer, spec: Spec) -> dict[str, Any]:
    answer.thoughts = max(answer.thoughts, 200)
    thought = {"text": "The page seems to be set in roman type.", "thought": True}
    return answer.with_parts([thought, {"text": answer.text}])


def _several_parts(answer: Answer, spec: Spec) -> dict[str, Any]:
    third = max(1, len(answer.text) // 3)
    pieces = [answer.text[:third], answer.text[third : 2 * third], answer.text[2 * third :]]
    return answer.with_parts([{"text": piece} for piece in pieces])


def _code_fence(answer: Answer, spec: Spec) -> dict[str, Any]:
    answer.text = f"```markdown\n{answer.text}\n```"
    return answer.response()


def _preamble(answer: Answer, spec: Spec) -> dict[str, Any]:
    answer.text = f"{spec.get('text', 'Here is the transcription of the page:')}\n\n{answer.text}"
    return answer.response()


def _looping(answer: Answer, spec: Spec) -> dict[str, Any]:
    answer.text = answer.text + "\n" + LOOP * 600
    return answer.response()


def _text(answer: Answer, spec: Spec) -> dict[str, Any]:
    answer.text = str(spec.get("text", ""))
    return answer.response()


def _copy(answer: Answer, spec: Spec) -> dict[str, Any]:
    answer.text = max(answer.request.texts, key=len, default="")
    return answer.response()


def _no_usage(answer: Answer, spec: Spec) -> dict[str, Any]:
    response = answer.response()
    del response["usageMetadata"]
    return response


def _error(answer: Answer, spec: Spec) -> dict[str, Any]:
    code = int(spec.get("code", 13))
    raise LineError(code, str(spec.get("message", "Internal error encountered.")))


OUTCOMES: dict[str, Outcome] = {
    "MAX_TOKENS": _max_tokens,
    "max_tokens_empty": _max_tokens_empty,
    "no_candidates": _no_candidates,
    "empty_candidates": _empty_candidates,
    "empty_text": _empty_text,
    "no_parts": _no_parts,
    "prompt_blocked": _prompt_blocked,
    "thought_only": _thought_only,
    "thought_and_text": _thought_and_text,
    "several_parts": _several_parts,
    "code_fence": _code_fence,
    "preamble": _preamble,
    "looping": _looping,
    "text": _text,
    "copy": _copy,
    "no_usage": _no_usage,
    "error": _error,
}
