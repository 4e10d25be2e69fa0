"""Feedback from Python: what became known about a prediction."""

from __future__ import annotations

from datetime import UTC, datetime

from driftlog.api.times import MomentLike, as_moment
from driftlog.contract.errors import EventRefused, StoreRejected, UsageError
from driftlog.contract.settings import ModelSettings
from driftlog.store.client import Store
from driftlog.store.feedback import feedback_event, number_of, truth_group, write_feedback


class FeedbackClient:
    """The part of `Driftlog` that writes feedback."""

    store: Store

    def model(self, name: str | None = None) -> ModelSettings:
        """Settings of a model."""
        raise NotImplementedError

    def feedback(
        self,
        prediction_id: str,
        actual: object = None,
        *,
        rating: float | None = None,
        comment: str | None = None,
        model: str | None = None,
        at: MomentLike | None = None,
        source: str = "api",
    ) -> str:
        """Store what became known about a prediction: its truth, a rating, a comment; returns the feedback's id.

        It need not be there yet: feedback waits for its prediction. The newest truth wins, and of each `source` the
        newest rating. The same once more (`at` included) is stored once.

        Parameters
        ----------
        prediction_id
            ``event.id`` of the prediction.
        actual
            The true label, or of a regression the true value.
        at
            When it became known; by default now.

        Raises
        ------
        UsageError
            Nothing is said, no prediction is named, or a number is none.
        """
        settings = self.model(model)
        when = datetime.now(UTC) if at is None else as_moment(at, option="at")
        if not isinstance(when, datetime):
            raise UsageError("at: a duration is no time", remedy="give a datetime or ISO text")
        try:
            group = truth_group(actual, settings)
            group.rating = None if rating is None else number_of(rating, "rating")
            group.comment, group.source = comment, source
            event = feedback_event(settings, str(prediction_id), group, at=when, came="api")
        except EventRefused as error:
            raise UsageError(error.message, remedy="give actual, rating or comment, of one prediction") from error
        done = write_feedback(self.store, [event], now=lambda: datetime.now(UTC))
        if done.refused:
            raise StoreRejected(f"the feedback was refused: {done.refused[0][1]}")
        return str(event.event.id)
