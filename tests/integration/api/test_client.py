"""driftlog.connect on a real Elasticsearch: results, alerts, predictions, references and comparisons as frames."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from tests.integration.api.traffic import BEFORE, DAYS, MODEL, ROWS, START, Traffic, days, score, traffic

import driftlog
from driftlog.api.client import Driftlog
from driftlog.contract.errors import ReferenceUnusable, UsageError
from driftlog.store.results import write_measurements

pytestmark = pytest.mark.elasticsearch


@pytest.fixture(scope="module")
def there(elasticsearch_url: str) -> Iterator[Traffic]:
    with traffic(elasticsearch_url) as made:
        yield made


@pytest.fixture(scope="module")
def d(there: Traffic, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driftlog]:
    """Two days of results, from comparisons with the days before."""
    file: Path = tmp_path_factory.mktemp("client") / "driftlog.yml"
    file.write_text("models: {credit: {environment: test, positive_label: '1', bucket: 6h}}\n")
    with driftlog.connect(there.url, config=file, prefix=there.store.names.prefix) as client:
        for number in (DAYS - 2, DAYS - 1):
            found = client.compare(MODEL, days(number, number + 1), "active")
            write_measurements(there.store, found.measurements, term=1)
        yield client


def test_models(d: Driftlog) -> None:
    """One row a model, with the end of its latest results."""
    frame = d.models()
    assert frame["model"].tolist() == [MODEL] and frame["registered"].tolist() == [True]
    assert frame["judged_until"][0] == pd.Timestamp(START + timedelta(days=DAYS))


def test_results_are_tidy(d: Driftlog) -> None:
    """One row a measurement, aware times, numbers as numbers."""
    frame = d.results(MODEL)
    assert str(frame["window_start"].dtype).endswith("UTC]") and str(frame["window_end"].dtype).endswith("UTC]")
    assert frame["value"].dtype == "float64" and frame["p_value"].dtype == "float64"
    assert not frame.duplicated(["window_start", "purpose", "metric", "field", "version", "segment"]).any()
    assert frame["window_end"].is_monotonic_increasing
    accuracy = d.results(metric="accuracy", details=True)
    assert len(accuracy) == 2 and accuracy["details.difference"].notna().all()
    assert d.results(MODEL, field="amount", metric="kolmogorov_smirnov")["field"].unique() == ["features.amount"]
    assert set(d.results(MODEL, purpose=["performance", "quality"])["purpose"]) <= {"performance", "quality"}


@pytest.mark.parametrize(
    "since", ["1d", "2026-03-15", date(2026, 3, 15), datetime(2026, 3, 15, tzinfo=UTC), timedelta(1)]
)
def test_times_may_be_given_in_any_form(d: Driftlog, since: object) -> None:
    """All of them mean the last day."""
    frame = d.results(MODEL, since=since)  # type: ignore[arg-type]
    assert frame["window_start"].unique().tolist() == [pd.Timestamp("2026-03-15", tz="UTC")]


def test_nothing_found_is_an_empty_frame_of_the_same_shape(d: Driftlog) -> None:
    """So that scripts need no special case."""
    everything, nothing = d.results(MODEL), d.results(MODEL, metric="no_such_metric")
    assert nothing.empty and nothing.columns.tolist() == everything.columns.tolist()
    assert nothing.dtypes["value"] == everything.dtypes["value"]
    assert d.results(MODEL, version="9").empty and d.results(MODEL, segment="plan=plus").empty
    assert d.alerts(MODEL).empty and "severity" in d.alerts().columns


def test_what_cannot_be_asked_is_refused(d: Driftlog) -> None:
    """With the words there are."""
    with pytest.raises(UsageError, match="no such model"):
        d.results("credits")
    with pytest.raises(UsageError, match="since"):
        d.results(MODEL, since="yesterday")
    with pytest.raises(UsageError, match="purpose"):
        d.results(MODEL, purpose="drift")
    with pytest.raises(UsageError, match="status"):
        d.alerts(MODEL, status="closed")
    with pytest.raises(UsageError, match="is not before until"):
        d.results(MODEL, since="2026-03-15", until="2026-03-14")


def test_predictions_are_bounded(d: Driftlog, there: Traffic) -> None:
    """The newest first; features as columns."""
    frame = d.predictions(MODEL, limit=5)
    assert len(frame) == 5 and frame["@timestamp"].is_monotonic_decreasing
    last = there.frame.iloc[-1]
    assert frame["features.amount"][0] == last["amount"] and frame["prediction.score"][0] == pytest.approx(
        last["score"]
    )
    assert len(d.predictions(MODEL, since="6h", version="2", limit=1000)) == ROWS // 4
    with pytest.raises(UsageError):
        d.predictions(MODEL, limit=10_001)


def test_a_reference_shows_its_fields(d: Driftlog, there: Traffic) -> None:
    """By the beginning of its id, or the active one."""
    reference = d.reference(MODEL)
    assert reference.id == d.reference(MODEL, there.reference_id[:6]).id == there.reference_id
    frame = reference.to_frame().set_index("field")
    assert frame.loc["features.amount", "mean"] == pytest.approx(there.between(0, BEFORE)["amount"].mean())
    counts = reference.counts("plan").set_index("value")["count"]
    assert counts["plus"] == (there.between(0, BEFORE)["plan"] == "plus").sum()
    assert reference.counts("features.amount")["count"].sum() == BEFORE * ROWS
    assert d.references(MODEL)["active"].tolist() == [True]
    with pytest.raises(ReferenceUnusable):
        d.reference(MODEL, "ffff")


def test_a_comparison_in_a_notebook(d: Driftlog, tmp_path: Path) -> None:
    """A frame, a sentence, a table and a page."""
    found = d.compare(MODEL, "2026-03-12/4d", "2026-03-02/10d", method="wasserstein")
    frame = found.to_frame()
    assert frame["family"].iloc[0] == "Performance" and len(frame) == len(found.measurements)
    drift = frame[frame["purpose"] == "data_drift"]
    assert drift["metric"].unique().tolist() == ["wasserstein"] and drift["effect"].is_monotonic_decreasing
    assert "mean" in drift[drift["field"] == "features.amount"]["change"].iloc[0]
    html = found._repr_html_()
    assert "<table>" in html and "2026-03-12" in html and "amount" in html
    found.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<svg" in page and "http://" not in page.replace("http://www.w3.org", "")
    assert "amount" in repr(found)


def test_both_sides_are_chosen_by_name(d: Driftlog, there: Traffic) -> None:
    """Windows as text, versions and segments as keywords."""
    found = d.compare(MODEL, "14d", "14d", version="2", reference_version="1")
    assert (found.data.now.n, found.data.before.n) == ((DAYS - BEFORE) * ROWS, BEFORE * ROWS)
    split = d.compare(None, days(0, 5), days(0, 5), segment="country=DE", reference_segment="country=FR")
    country = there.between(0, 5)["country"]
    assert (split.data.now.n, split.data.before.n) == ((country == "DE").sum(), (country == "FR").sum())
    with pytest.raises(UsageError, match="stored reference"):
        d.compare(MODEL, "1d", "active", reference_version="1")


def test_a_scenario_with_a_function_of_the_notebook(d: Driftlog) -> None:
    """The model is called directly."""
    found = d.scenario(MODEL, "2026-03-02/5d", score, shift="amount=+10%", mix=["plan=plus:0.5"])
    frame = found.to_frame()
    assert {"actual", "scenario", "change", "scenario_verdict"} <= set(frame.columns)
    plan = frame[(frame["field"] == "features.plan") & (frame["metric"] == "total_variation")].iloc[0]
    assert plan["scenario"] > plan["actual"] and plan["change"] == pytest.approx(plan["scenario"] - plan["actual"])
    assert "amount=+10%" in found._repr_html_() and "<svg" in found.to_html() and found.summary() in repr(found)
