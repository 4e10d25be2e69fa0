"""Draw the pictures of docs/statistics.md into docs/images and print the numbers in them and in its tables.

python -m docs.figures              # all: some minutes
python -m docs.figures peeking      # some
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Final

from docs.figures import (
    clustered,
    default_rule,
    detectors,
    exact_reference,
    groups,
    ks_bounds,
    maintenance_loop,
    peeking,
    psi_expected,
    seasonal,
    without_labels,
)

FIGURES: Final[Mapping[str, Callable[[], None]]] = {
    "ks_bounds": ks_bounds.draw,
    "psi_expected": psi_expected.draw,
    "exact_reference": exact_reference.draw,
    "default_rule": default_rule.draw,
    "seasonal": seasonal.draw,
    "clustered": clustered.draw,
    "without_labels": without_labels.draw,
    "detectors": detectors.draw,
    "peeking": peeking.draw,
    "groups": groups.draw,
    "maintenance_loop": maintenance_loop.draw,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*FIGURES, []], default=[], metavar="NAME")
    for name in parser.parse_args().names or FIGURES:
        FIGURES[name]()


if __name__ == "__main__":
    main()
