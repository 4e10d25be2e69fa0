"""The maintenance loop."""

from __future__ import annotations

from typing import Final

_LOOP: Final = "models.<name>.maintain"
MAINTAINING: Final[dict[str, str]] = {
    f"{_LOOP}.{name}": text
    for name, text in {
        "mode": "off; advise: say what it would do; act: train, promote and roll back.",
        "triggers.schedule": "Train at these times: a cron line in the model's time zone.",
        "triggers.degraded": "Train when an alert about performance is open and at least this: warning, critical.",
        "triggers.drifted": "[N, M]: train when data drift is in breach in N of the last M windows.",
        "triggers.new_labels": "Train after so many new labelled predictions.",
        "triggers.estimated_loss": "Train when so much business value was lost since the champion was promoted.",
        "conditions.min_labels": "Labelled predictions that a training needs.",
        "conditions.cooldown": "No training this soon after the last one.",
        "conditions.budget": "Training runs in budget_period at most.",
        "conditions.budget_period": "Period of the budget, up to now.",
        "conditions.quiet_hours": "22:00-06:00: nothing is started or deployed then (model's time zone).",
        "conditions.approval": "Steps that wait for a person: retrain, promote, rollback.",
        "executor.kind": "What trains: command, http, mlflow_project, incremental; empty: nothing.",
        "executor.command": "Argument list; {data}, {output}, {version}, {model}, {from}, {to} are filled in.",
        "executor.working_folder": "Where the command runs.",
        "executor.environment": "Names of variables the command may see, besides PATH, HOME and LANG.",
        "executor.time_limit": "A training that takes longer is ended.",
        "executor.url": "Address that starts a training (http).",
        "executor.headers": "Headers of that request; ${VARIABLE} is read when it is sent.",
        "executor.body": "Body of that request.",
        "executor.status_url": "Where a run's state is read (http); {remote} is the id that the dispatch answered.",
        "executor.window": "Labelled data handed to the training: this long.",
        "executor.hold_back": "The newest data, kept for the trial; none: as long as validation.window.",
        "executor.score": "Argument list that scores the CSV file {input} into {output}.",
        "validation.metric": "What a candidate must be better in; empty: roc_auc, accuracy or rmse.",
        "validation.window": "The trial's rows are of this long before now at most.",
        "validation.min_rows": "Labelled rows that a trial needs.",
        "validation.margin": "By how much it must be better; negative: not worse by more than this.",
        "validation.alpha": "1 - level of the trial's interval.",
        "validation.guards": "Metrics that may not become worse by more than guard_margin.",
        "validation.guard_margin": "See guards; what chance explains is not counted.",
        "validation.segment_margin": "No segment may become worse by more than this.",
        "validation.schedule": "Cron line: validate the served model on labelled_set.",
        "validation.labelled_set": "CSV or Parquet file with features, and the truth in column actual.",
        "promotion.steps": "How a candidate goes live: shadow, share, full in this order, any may be left out.",
        "promotion.share": "Share of traffic in the step share.",
        "promotion.step_time": "How long a step is watched before the next.",
        "promotion.command": "Deploy hook: argument list with {model}, {version}, {uri}, {step}, {share}.",
        "promotion.url": "Deploy hook: gets the same as JSON by POST.",
        "promotion.headers": "Headers of that request; ${VARIABLE} is read when it is sent.",
        "promotion.environment": "Names of variables the deploy hook may see, besides PATH, HOME and LANG.",
        "promotion.time_limit": "A deploy hook that takes longer has failed.",
        "promotion.watch": "A new champion is watched for this long.",
        "promotion.watch_window": "What is judged in the watch: this long at most, up to now.",
        "promotion.rollback_on": "Metrics that bring the version before back; empty: validation.metric.",
        "promotion.rollback_margin": "By how much they must be worse, beyond chance.",
        "promotion.rollback_alpha": "One-sided level of each look of the watch; smaller: surer and later.",
        "registry.kind": "Where versions are kept: embedded or mlflow.",
        "registry.folder": "Folder of the embedded registry; empty: in the user's data folder.",
        "registry.tracking_uri": "MLflow server.",
        "registry.name": "Registered model there; empty: the model's name.",
        "registry.repository": "Folder of the training code, for commit, tag and dirty state.",
    }.items()
}
"""Each setting of `models.<name>.maintain`."""
