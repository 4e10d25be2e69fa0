"""``driftlog doctor``."""

from __future__ import annotations

import click

from driftlog.cli import exits
from driftlog.cli.base import Command
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json
from driftlog.cli.session import Session


@click.command(cls=Command, examples=["driftlog doctor", "driftlog doctor --json"])
@as_json
@click.pass_obj
def doctor(session: Session, as_json: bool) -> int:
    """Check the cluster and say what to do.

    Looks at version, licence, templates, security, disk and clock. Exit code 1 when there is a problem.
    """
    from driftlog.present.tables import findings_table
    from driftlog.store.doctor import diagnose

    with session.store() as store:
        findings = diagnose(store, session.now())
    if as_json:
        print_json_lines(findings)
    else:
        session.console.print(findings_table(findings))
    return exits.FAILED if any(finding.status == "problem" for finding in findings) else exits.OK
