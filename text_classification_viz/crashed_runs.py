"""Runs whose process died with nobody left to tell, as after a restart: they are reported as failed.

Scope: finding and reporting them, so that the queue moves on within minutes. That crashed runs are run again is
Dagster's own `run_retries`, in `dagster.yaml`.
"""

import json
import os
from pathlib import Path

import dagster as dg

from text_classification_viz.resources import is_abandoned, remove_locks

LOST = (
    "The process of this run is gone: it was killed, or its machine or container restarted. What it had published "
    "stays, and nothing is half there. With run_retries in dagster.yaml the run is started again."
)


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports runs whose process died unnoticed as failed, so that the runs behind them start.",
)
def crashed_runs_sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Report a run at the second look that finds its lock free: at the first, its process may just be ending.

    The cursor holds the runs that the last look found so.
    """
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        return dg.SkipReason("DAGSTER_HOME is not set: runs leave no locks to look at.")
    suspected = set(json.loads(context.cursor or "[]"))
    started = context.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    abandoned = {run.run_id: run for run in started if is_abandoned(Path(home), run.run_id)}
    lost = [run for run_id, run in abandoned.items() if run_id in suspected]
    for run in lost:
        context.instance.report_run_failed(run, message=LOST)

    def is_over(run_id: str) -> bool:
        run = context.instance.get_run_by_id(run_id)
        return run is None or run.is_finished

    remove_locks(Path(home), is_over)
    context.update_cursor(json.dumps(sorted(set(abandoned) - {run.run_id for run in lost})))
    if lost:
        return dg.SkipReason(
            f"Reported as failed, for their processes are gone: {', '.join(r.run_id for r in lost)}."
        )
    return dg.SkipReason(f"Of {len(started)} started runs none has lost its process twice in a row.")
