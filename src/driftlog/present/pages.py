"""The templates of all pages; everything is escaped, and a missing value is an error."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("driftlog.present", "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def template(name: str) -> Template:
    """A template of this package, by file name."""
    return _environment().get_template(name)
