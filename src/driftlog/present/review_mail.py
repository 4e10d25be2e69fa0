"""The review as a message: its conclusion, objectives and next actions; the page itself goes beside it, as a file."""

from __future__ import annotations

import hashlib

from driftlog.contract.notification import Message, Tone
from driftlog.present.mail import plain
from driftlog.present.pages import template
from driftlog.present.review import objective_view, period_text, review_cards, verdict
from driftlog.present.review_data import ReviewData
from driftlog.present.text import clean, plural

MOST_ACTIONS = 6
_TONES: dict[str, Tone] = {"ok": "resolved", "info": "info", "warning": "warning", "critical": "critical"}


def review_message(data: ReviewData, html: str) -> Message:
    """A message for channels; those that show HTML get the summary, the others its text.

    Parameters
    ----------
    html
        The page, whose digest tells apart reviews that were made again.
    """
    said = verdict(data)
    tone = _TONES.get(said.level, "info")
    title = f"[review] {clean(data.model, 80)}, {data.kind} {data.label}"
    objectives = [objective_view(one, data) for one in data.objectives]
    cards = review_cards(data)
    actions = data.actions[:MOST_ACTIONS]
    more = len(data.actions) - len(actions)
    command = f"driftlog review {data.model} --{data.kind} {data.label} -o review.html"
    lines = [title, period_text(data), "", said.sentence, said.detail, ""]
    lines += [f"{card.title}: {card.value} ({card.note})" for card in cards]
    if objectives:
        lines += ["", "Objectives:"]
        lines += [f"- {one.name}: {one.state}, {one.value} (target {one.target}; {one.share})" for one in objectives]
    if actions:
        lines += ["", "Next actions:"]
        lines += [
            f"{i}. {one.text}" + (f"  $ {one.command}" if one.command else "") for i, one in enumerate(actions, 1)
        ]
        lines += [f"and {more} more"] if more else []
    lines += ["", f"The whole review: {command}"]
    body = template("mail_review.html.j2").render(
        title=f"{clean(data.model, 80)}: {data.kind} {data.label}",
        tone=tone,
        period=period_text(data),
        status=said,
        cards=cards,
        objectives=objectives,
        actions=actions,
        more=more,
        command=command,
        preview=said.sentence,
    )
    digest = hashlib.sha256(html.encode()).hexdigest()[:16]
    text = plain("\n".join(lines))
    return Message(
        key=f"review-{data.model}-{data.label}-{digest}",
        thread="",
        kind="review",
        tone=tone,
        title=plain(title),
        text=text,
        html=body,
        short=plain(f"{title}. {said.sentence} {plural(len(data.actions), 'next action')}.")[:300],
        facts={"model": data.model, "period": data.label, "objectives_missed": str(_missed(data))},
    )


def _missed(data: ReviewData) -> int:
    return sum(one.state == "missed" for one in data.objectives)
