"""Links to a survey about one prediction, made by the app that made the prediction.

The link goes where the answer goes: into the page, the email or the message that shows it. It needs the installation's
survey key: in a place that users cannot read, never in a browser or a phone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from driftlog.contract.errors import ConfigError
from driftlog.contract.strict import Secret
from driftlog.contract.survey_link import LONGEST, PATH, SHORTEST_KEY, SurveyLink, sign

KEY_VARIABLE: Final = "DRIFTLOG_FEEDBACK__KEY"
URL_VARIABLE: Final = "DRIFTLOG_FEEDBACK__URL"
EXPIRES: Final = timedelta(days=30)


def survey_link(
    prediction_id: str,
    *,
    model: str,
    key: Secret | str | None = None,
    url: str | None = None,
    expires: timedelta = EXPIRES,
    environ: Mapping[str, str] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> str:
    """The address of the form about one prediction.

    Parameters
    ----------
    prediction_id
        What `log_prediction` returned. It can be read in the link: it must not tell anything about a person.
    key, url
        The installation's ``feedback.key`` and ``feedback.url``; by default of the environment variables
        ``DRIFTLOG_FEEDBACK__KEY`` and ``DRIFTLOG_FEEDBACK__URL``.
    expires
        How long it is good for.

    Raises
    ------
    ConfigError
        The key or the address is missing or cannot be used, or `expires` is too long or nothing.
    NameRefused, ValueError
        `model` is no model's name, or `prediction_id` is empty or too long.

    >>> link = survey_link("p-1", model="churn", key="0123456789abcdef0123456789abcdef", url="https://feedback.example.com")
    >>> link.startswith("https://feedback.example.com/survey/")
    True
    """
    known = os.environ if environ is None else environ
    secret = Secret(key) if isinstance(key, str) else key or Secret(known.get(KEY_VARIABLE, ""))
    if len(secret.reveal()) < SHORTEST_KEY:
        raise ConfigError(
            f"is shorter than {SHORTEST_KEY} characters" if secret else "is missing",
            path="feedback.key",
            remedy=f"set {KEY_VARIABLE}, the same here and at the intake; `driftlog survey key` makes one",
        )
    base = (known.get(URL_VARIABLE, "") if url is None else url).rstrip("/")
    if not base.startswith(("https://", "http://")):
        raise ConfigError(
            "is no http or https address",
            path="feedback.url",
            value=base,
            remedy=f"set {URL_VARIABLE} to where people reach the intake, such as https://feedback.example.com",
        )
    if not timedelta(0) < expires <= LONGEST:
        raise ConfigError(f"must lie between nothing and {LONGEST.days} days", path="expires", value=str(expires))
    return f"{base}{PATH}{sign(SurveyLink(model, prediction_id, now() + expires), secret)}"
