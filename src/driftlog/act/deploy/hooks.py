"""Deploy hooks: what puts a version live. Each bears repetition, and each call carries the key of its deployment."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from driftlog.act.filling import bare_environment, fill_all, fill_both, hide
from driftlog.act.http_call import call, header_pairs
from driftlog.act.processes import run_bounded
from driftlog.contract.errors import ActionFailed
from driftlog.contract.maintaining import PromotionSettings
from driftlog.contract.maintenance import Deployer, ModelVersion

SHOWN_CHARS = 500


class AliasDeployer:
    """No hook: the serving app watches the registry's alias ``champion``."""

    def deploy(self, version: ModelVersion, *, step: str, share: float, key: str = "") -> dict[str, Any]:
        return {"kind": "alias", "key": key or deployment_key(version, step, share)}


class CommandDeployer:
    """Runs ``promotion.command``; exit code 0 means that the version is live.

    The command sees ``{model} {version} {uri} {step} {share} {previous} {digest} {key}``, and ``DRIFTLOG_KEY`` in its
    environment.
    """

    def __init__(self, settings: PromotionSettings, *, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ

    def deploy(self, version: ModelVersion, *, step: str, share: float, key: str = "") -> dict[str, Any]:
        """Run the command to its end.

        Raises
        ------
        ActionFailed
            It cannot be started, takes too long, or ends with another exit code.
        """
        values = hook_values(version, step, share, key)
        limit_s = self._settings.time_limit.total_seconds()
        environ = bare_environment(self._settings.environment, self._environ) | {"DRIFTLOG_KEY": values["key"]}
        texts = {name: _text(value) for name, value in values.items()}
        done = run_bounded(fill_all(self._settings.command, texts), environ=environ, time_limit_s=limit_s)
        if done.timed_out:
            raise self._failed(version, f"was not done after {limit_s:g} s and was ended", done.output)
        if done.exit_code != 0:
            raise self._failed(version, f"ended with exit code {done.exit_code}", done.output)
        return {"kind": "command", "key": values["key"], "exit_code": 0, "duration_s": round(done.duration_s, 3)}

    def _failed(self, version: ModelVersion, what: str, output: str) -> ActionFailed:
        shown = hide(output.strip(), self._settings.environment, self._environ)[-SHOWN_CHARS:]
        return ActionFailed(
            f"the deploy command of {version.model} {what}{f'; it last said: {shown}' if shown else ''}",
            remedy="the registry is unchanged; mend the hook and promote again",
        )


class HttpDeployer:
    """Posts JSON to ``promotion.url``; a 2xx answer means that the version is live.

    ::

        POST <url>    Content-Type: application/json    Idempotency-Key: <key>
        {"model": "churn", "version": "v2", "uri": "...", "step": "full", "share": 1.0, "previous": "v1",
         "digest": "...", "key": "..."}
    """

    def __init__(
        self,
        settings: PromotionSettings,
        *,
        environ: Mapping[str, str],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._sleep = sleep

    def deploy(self, version: ModelVersion, *, step: str, share: float, key: str = "") -> dict[str, Any]:
        """Send it until it is answered, at most four times within the time limit.

        Raises
        ------
        ActionFailed
            It is refused, or not answered.
        """
        values = hook_values(version, step, share, key)
        headers = {
            name: fill_both(value, {}, self._environ) for name, value in header_pairs(self._settings.headers).items()
        }
        answer = call(
            "POST",
            fill_both(self._settings.url, {}, self._environ),
            headers={"Content-Type": "application/json", "Idempotency-Key": values["key"], **headers},
            body=msgspec.json.encode(values),
            repeatable=True,
            time_limit_s=self._settings.time_limit.total_seconds(),
            sleep=self._sleep,
        )
        return {"kind": "http", "key": values["key"], "status": answer.status, "attempts": answer.attempts}


class SeveralDeployers:
    """One hook after the other; the first that fails ends it."""

    def __init__(self, hooks: Sequence[Deployer]) -> None:
        self._hooks = hooks

    def deploy(self, version: ModelVersion, *, step: str, share: float, key: str = "") -> dict[str, Any]:
        answers = [hook.deploy(version, step=step, share=share, key=key) for hook in self._hooks]
        return {"kind": "several", "key": key or deployment_key(version, step, share), "answers": answers}


def hook_values(version: ModelVersion, step: str, share: float, key: str) -> dict[str, Any]:
    """What a hook is told."""
    return {
        "model": version.model,
        "version": version.version,
        "uri": version.uri,
        "step": step,
        "share": share,
        "previous": version.previous,
        "digest": version.digest,
        "key": key or deployment_key(version, step, share),
    }


def deployment_key(version: ModelVersion, step: str, share: float) -> str:
    """Names a deployment where the caller did not: the same version, step, share and promotion are one deployment."""
    promoted = version.promoted.isoformat() if version.promoted else ""
    parts = (version.model, version.version, step, repr(share), promoted, version.previous)
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
