"""What people said of the predictions of one window, as sums."""

from __future__ import annotations

from dataclasses import dataclass

from driftlog.contract.window import Window


@dataclass(frozen=True, slots=True)
class ClusterSums:
    """Values in clusters, as the sums that a mean and its clustered variance need.

    A cluster is a subject (``subject.id``): what one person says several times is no independent evidence. Values that
    name no subject are a cluster each. With n_c values that add up to S_c in cluster c:

    Attributes
    ----------
    n, total
        Values, and their sum.
    clusters
        Clusters.
    squares, cross, sizes
        The sums over clusters of S_c squared, n_c * S_c, and n_c squared.
    """

    n: int = 0
    total: float = 0.0
    clusters: int = 0
    squares: float = 0.0
    cross: float = 0.0
    sizes: float = 0.0

    def __add__(self, other: ClusterSums) -> ClusterSums:
        return ClusterSums(
            self.n + other.n,
            self.total + other.total,
            self.clusters + other.clusters,
            self.squares + other.squares,
            self.cross + other.cross,
            self.sizes + other.sizes,
        )

    @classmethod
    def of_cluster(cls, n: int, total: float) -> ClusterSums:
        """One cluster of `n` values.

        >>> ClusterSums.of_cluster(2, 9.0)
        ClusterSums(n=2, total=9.0, clusters=1, squares=81.0, cross=18.0, sizes=4.0)
        """
        return cls(n, total, 1, total * total, n * total, float(n * n)) if n else cls()

    @classmethod
    def apart(cls, n: int, total: float, squares: float) -> ClusterSums:
        """`n` values that are a cluster each; `squares` is the sum of their squares.

        >>> ClusterSums.apart(2, 9.0, 41.0)
        ClusterSums(n=2, total=9.0, clusters=2, squares=41.0, cross=9.0, sizes=2.0)
        """
        return cls(n, total, n, squares, total, float(n))


@dataclass(frozen=True, slots=True)
class RatingSums:
    """Ratings of one question; the empty name is ``feedback.rating``.

    `satisfied` and `complaints` are sums of 0 and 1 over the same ratings.
    """

    question: str
    ratings: ClusterSums
    satisfied: ClusterSums
    complaints: ClusterSums


@dataclass(frozen=True, slots=True)
class FeedbackSummary:
    """Feedback on the predictions of one window.

    Attributes
    ----------
    window
        Of the predictions' time.
    responses
        Predictions that somebody rated, commented or labelled in a form.
    ratings
        By question.
    labels
        Users' labels of predictions whose truth is known from another source: 1 where the two differ (classification),
        or the size of the difference (regression).
    feedback
        Feedback documents whose own time lies in the window, and `unmatched`, those of them whose prediction is not
        there (yet).
    """

    window: Window
    responses: int = 0
    ratings: tuple[RatingSums, ...] = ()
    labels: ClusterSums = ClusterSums()
    feedback: int = 0
    unmatched: int = 0
