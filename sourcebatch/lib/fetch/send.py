"""`post_json`: one small message to an outside address, by the same rules as everything that is fetched."""

from typing import Any

from sourcebatch.lib.fetch import wire
from sourcebatch.lib.fetch.deadline import Deadline
from sourcebatch.lib.fetch.door import FetchError
from sourcebatch.lib.fetch.urls import BadAddress, place_of

SECONDS = 20.0


def post_json(url: str, message: dict[str, Any]) -> None:
    """Send `message` as JSON; anything but a 2xx answer is a FetchError. Inner hosts must be in FETCH_ALLOWED_HOSTS.

    The address is often a secret in itself, so errors name its host only. No redirects, no second try.
    """
    try:
        place = place_of(url)
    except BadAddress:
        raise FetchError(
            "The address to post to is not one: it must begin with https:// or http://."
        ) from None
    try:
        with (
            Deadline(SECONDS),
            wire.session().post(
                url, json=message, headers=wire.headers("*/*"), allow_redirects=False, timeout=(10.0, SECONDS)
            ) as answer,
        ):
            status = answer.status_code
    except wire.InvalidIPAddress:
        raise FetchError(f"{place.name} is an inner address: add it to FETCH_ALLOWED_HOSTS.") from None
    except (wire.RequestException, OSError, ValueError) as error:
        kind = type(error).__name__
        raise FetchError(
            f"{place.name} could not be reached ({kind}): tried again later.", retryable=True
        ) from None
    if not 200 <= status < 300:
        raise FetchError(f"{place.name} answered {status}: check the address.", status=status)
