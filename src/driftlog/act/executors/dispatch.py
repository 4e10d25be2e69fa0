"""Training in a CI system: one request starts a job there; its state is read back, or the job registers the version.

The answer to the request may say what the job is called: GitHub's ``workflow_run_id`` and ``html_url``, GitLab's ``id``
and ``web_url``. That id stands in ``{remote}`` of ``status_url``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote

import msgspec

from driftlog.act.executors.command import placeholder_values
from driftlog.act.executors.status import run_folder
from driftlog.act.files import PRIVATE_FILE, private_folder
from driftlog.act.filling import fill_both, fill_json
from driftlog.act.http_call import AnswerLost, call, header_pairs, place
from driftlog.contract.errors import ActionFailed, ActionUnavailable
from driftlog.contract.maintaining import ExecutorSettings
from driftlog.contract.maintenance import TrainingRun
from driftlog.contract.names import check_model_name

IDS: Final = ("workflow_run_id", "id", "run_id")
PAGES: Final = ("html_url", "web_url")
State = Literal["running", "succeeded", "failed", "timed_out"]
STATES: Final[dict[str, State]] = {
    # GitHub: status, and once it is completed the conclusion
    "queued": "running",
    "in_progress": "running",
    "requested": "running",
    "waiting": "running",
    "pending": "running",
    "success": "succeeded",
    "failure": "failed",
    "cancelled": "failed",
    "neutral": "failed",
    "skipped": "failed",
    "stale": "failed",
    "action_required": "running",
    "timed_out": "timed_out",
    "startup_failure": "failed",
    # GitLab: status
    "created": "running",
    "waiting_for_resource": "running",
    "preparing": "running",
    "running": "running",
    "canceling": "running",
    "canceled": "failed",
    "failed": "failed",
    "manual": "running",
    "scheduled": "running",
}
"""What CI systems call the states of a job."""
_NOTE: Final = "it counts as started until its time limit"


class DispatchExecutor:
    """Asks a CI system to train.

    Parameters
    ----------
    folder
        Below it each run has a folder, with a file that says that its request was sent.
    environ
        Where ``${VARIABLES}`` of url, headers and body are read, at the time of sending.
    registered
        Whether the version of a run is in the registry: the CI job's own ``driftlog versions register``.
    """

    def __init__(
        self,
        settings: ExecutorSettings,
        folder: Path,
        *,
        environ: Mapping[str, str],
        registered: Callable[[TrainingRun], bool],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._environ = environ
        self._registered = registered
        self._now = now
        self._sleep = sleep

    def start(self, run: TrainingRun, data: str, output: str) -> TrainingRun:
        """Send the request of `run`.

        No CI system recognises a repeated request, so it is sent again only where it certainly was not carried out. A
        file is written before it is sent: after a crash in between, as after a lost answer, the run counts as running
        until the job tells or the time is up.

        Raises
        ------
        ActionUnavailable
            The CI system is away: `start` may be called again.
        """
        values = placeholder_values(run, data, output)
        mark = private_folder(run_folder(self._folder / check_model_name(run.model), run.id)) / "dispatched"
        if mark.exists():
            return msgspec.structs.replace(run, status="running", error=f"it was sent before; {_NOTE}")
        try:
            url, body = self._url(self._settings.url, values), self._body(values)
            mark.touch(mode=PRIVATE_FILE)
            answer = call(
                "POST",
                url,
                headers={"Content-Type": "application/json", **self._headers(values)},
                body=body,
                repeatable=False,
                sleep=self._sleep,
            )
        except AnswerLost as lost:
            return msgspec.structs.replace(run, status="running", error=f"{lost.message}; {_NOTE}")
        except ActionUnavailable:
            mark.unlink(missing_ok=True)
            raise
        except ActionFailed as error:
            return msgspec.structs.replace(run, status="failed", finished=self._now(), error=error.message)
        told = answer.body if isinstance(answer.body, dict) else {}
        return msgspec.structs.replace(
            run, status="running", remote=_first(told, IDS), url=_first(told, PAGES) or run.url, error=""
        )

    def poll(self, run: TrainingRun) -> TrainingRun:
        """How the job goes; a registered version means that it succeeded.

        Raises
        ------
        ActionUnavailable
            The state cannot be read now.
        """
        if run.status not in ("starting", "running"):
            return run
        if self._registered(run):
            return self._over(run, "succeeded", "")
        told = self._state(run)
        if told in ("failed", "timed_out", "succeeded"):
            return self._over(
                run, told, f"{place(self._settings.status_url)} says that it {told}" * (told != "succeeded")
            )
        if self._now() >= run.started + self._settings.time_limit:
            limit_s = self._settings.time_limit.total_seconds()
            return self._over(run, "timed_out", f"no version was registered, and no end was told, after {limit_s:g} s")
        return msgspec.structs.replace(run, status="running")

    def _state(self, run: TrainingRun) -> State:
        if not self._settings.status_url or ("{remote}" in self._settings.status_url and not run.remote):
            return "running"
        values = placeholder_values(run, "", "") | {"remote": run.remote}
        url = self._url(self._settings.status_url, values)
        body = call("GET", url, headers=self._headers(values), repeatable=True, sleep=self._sleep).body
        told = body if isinstance(body, dict) else {}
        word = told.get("conclusion") or told.get("status")
        state = STATES.get(str(word))
        if state is None:
            raise ActionFailed(
                f"{place(url)} says that the run's status is {str(word)[:40]!r}, which is not known",
                remedy="status_url has to answer with JSON that has status (and conclusion), as GitHub and GitLab do",
            )
        return state

    def _over(self, run: TrainingRun, status: Literal["succeeded", "failed", "timed_out"], error: str) -> TrainingRun:
        return msgspec.structs.replace(run, status=status, finished=self._now(), error=error)

    def _url(self, url: str, values: Mapping[str, str]) -> str:
        return fill_both(url, {name: quote(value, safe="") for name, value in values.items()}, self._environ)

    def _headers(self, values: Mapping[str, str]) -> dict[str, str]:
        pairs = header_pairs(self._settings.headers)
        return {name: fill_both(text, values, self._environ) for name, text in pairs.items()}

    def _body(self, values: Mapping[str, str]) -> bytes:
        """The body as strict JSON: what is filled in stays inside its string."""
        try:
            template: Any = msgspec.json.decode(self._settings.body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ActionFailed(
                f"the executor's body is not JSON: {error}", remedy="see docs/versions.md for templates"
            ) from error
        return msgspec.json.encode(fill_json(template, values, self._environ))


def _first(told: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The first of `names` that is told, as text."""
    for name in names:
        value = told.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)[:1024]
    return ""
