"""The table of settings in docs/configuration.md: ``python -m driftlog.config.reference docs/configuration.md``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from driftlog.config.describe import rows

BEGIN: Final = "<!-- settings: begin (python -m driftlog.config.reference docs/configuration.md) -->"
END: Final = "<!-- settings: end -->"


def render_table() -> str:
    """Markdown table of every setting."""
    lines = ["| setting | default | environment variable | what it is |", "|---|---|---|---|"]
    for path, default, variable, description in rows():
        shown = f"`{variable}`" if variable else ""
        lines.append(f"| `{path}` | `{default}` | {shown} | {description} |")
    return "\n".join(lines)


def with_table(text: str) -> str:
    """`text` with what stands between the marks replaced by the table."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{render_table()}\n{END}{tail}"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_table(page.read_text(encoding="utf-8")), encoding="utf-8")
