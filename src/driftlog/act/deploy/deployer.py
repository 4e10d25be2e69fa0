"""How a model's versions go live, by what is set: a command, an HTTP hook, both (in this order), or the alias alone."""

from __future__ import annotations

import os
from collections.abc import Mapping

from driftlog.act.deploy.hooks import AliasDeployer, CommandDeployer, HttpDeployer, SeveralDeployers
from driftlog.contract.maintaining import MaintainSettings
from driftlog.contract.maintenance import Deployer


def build_deployer(settings: MaintainSettings, *, environ: Mapping[str, str] | None = None) -> Deployer:
    """The deployer of `settings.promotion`."""
    chosen = settings.promotion
    given = os.environ if environ is None else environ
    hooks: list[Deployer] = []
    if chosen.command:
        hooks.append(CommandDeployer(chosen, environ=given))
    if chosen.url:
        hooks.append(HttpDeployer(chosen, environ=given))
    if not hooks:
        return AliasDeployer()
    return hooks[0] if len(hooks) == 1 else SeveralDeployers(hooks)
