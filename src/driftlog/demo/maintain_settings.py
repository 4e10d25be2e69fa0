"""The maintenance loop in the demo's ``driftlog.yml``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

SETTINGS: Final = """\
    maintain:  # retrain, try, promote, watch: `driftlog maintain explain <<NAME>>`
      mode: act
      triggers:
        schedule: "0 0 15 1,7 *"  # in the middle of January and July; and whenever somebody asks
      conditions:
        min_labels: 2000
        approval: []              # nobody is asked: a demo has no night
      executor:
        kind: command
        window: 91d
        command: [<<PYTHON>>, -m, driftlog.demo.training, train,
                  --data, "{data}", --output, "{output}", --fault, <<FAULT>>]
        score: [<<PYTHON>>, -m, driftlog.demo.training, score,
                --files, "{files}", --input, "{input}", --output, "{output}"]
        time_limit: 5m
      validation:
        metric: roc_auc
        window: 28d
      promotion:
        url: http://127.0.0.1:<<PORT>>/model  # the app swaps its model
        watch: 26w
        watch_window: 28d
      registry:
        folder: <<VERSIONS>>
"""


def maintain_settings(name: str, folder: Path, app_port: int) -> str:
    """The lines below a model in ``driftlog.yml``."""
    values = {
        "NAME": name,
        "PYTHON": f'"{sys.executable}"',
        "FAULT": f'"{fault_file(folder)}"',
        "PORT": str(app_port),
        "VERSIONS": f'"{folder / "versions"}"',
    }
    text = SETTINGS
    for key, value in values.items():
        text = text.replace(f"<<{key}>>", value)
    return text


def fault_file(folder: Path) -> Path:
    """While it is there, the labels of a training belong to the wrong flights."""
    return folder / "labels-are-broken"
