"""Retention: how long Dagster keeps its records of runs, which it never removes by itself.

Scope: what goes with age from DAGSTER_HOME. Ticks go by `dagster.yaml`, old folders of the projector by
`projector_logs`, and what dead writers left behind by the next publish.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from pydantic import Field

DAILY = "0 4 * * *"
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


class RetentionConfig(dg.Config):
    """Settings of `remove_old_runs`."""

    keep_days: float = Field(
        default=30,
        gt=0,
        description="Days for which a run is kept after it has ended. What Dagster plots over time goes with the "
        "runs; the figures under the projector's tabs stay.",
    )


@dg.op(
    description="Removes runs that ended over keep_days ago, with their events and logs, unless an asset's latest "
    "materialization or observation, or a check's latest evaluation, is theirs, or a later try of theirs stays. A "
    "run in progress stays, however old it is.",
)
def remove_old_runs(context: dg.OpExecutionContext, config: RetentionConfig) -> None:
    """Remove them one by one, the oldest first; one that is interrupted leaves the rest for the next day.

    One that cannot be removed keeps no other, and fails the step at the end, so that somebody sees to it.
    """
    instance = context.instance
    end = datetime.now(UTC) - timedelta(days=config.keep_days)
    # The young ones too: which run one is a later try of stands in itself, and only as a rule in its tags as well.
    records = instance.get_run_records(order_by="create_timestamp", ascending=True)
    runs = {record.dagster_run.run_id: record.dagster_run for record in records}
    old = [record.dagster_run.run_id for record in records if _ended_before(record, end)]
    held = {run_id for run_id in old if _holds_what_stands(instance, run_id)}
    staying = held | (runs.keys() - old)
    kept = held | (_ancestors(runs, staying) & set(old))
    removable = [run_id for run_id in old if run_id not in kept]
    n_left = 0
    for run_id in removable:
        try:
            _remove(instance, run_id)
        except Exception as error:
            context.log.warning(f"run {run_id} could not be removed ({error!r})")
            n_left += 1
    context.log.info(
        "Removed %d of %d runs that ended before %s; kept %d for what they hold or for later tries that stay: %s",
        len(removable) - n_left,
        len(old),
        end.isoformat(timespec="seconds"),
        len(kept),
        ", ".join(sorted(kept)) or "none",
    )
    if n_left:
        raise dg.Failure(
            f"DAGSTER_HOME: expected to remove {len(removable)} old runs, found {n_left} that cannot "
            "be; see the warnings for why, and to the permissions of their files"
        )


@dg.job(description="Keeps Dagster's own records from growing without end: runs go when they are old.")
def retention_job() -> None:
    """One step over all runs of this Dagster, of every code location."""
    remove_old_runs()


retention_schedule = dg.ScheduleDefinition(
    name="retention_schedule",
    job=retention_job,
    cron_schedule=DAILY,
    description="Daily, at four.",
)


def _ended_before(record: dg.RunRecord, end: datetime) -> bool:
    """Whether a run has ended, and did before `end`; one that never started has no time at which it did."""
    return (
        record.dagster_run.status in FINISHED
        and record.create_timestamp < end
        and (record.end_time or 0) < end.timestamp()
    )


def _holds_what_stands(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether an asset's latest materialization or observation, or a check's latest evaluation, is the run's."""
    kinds = {
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_OBSERVATION,
        dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    }
    events = [entry.get_dagster_event() for entry in instance.all_logs(run_id, of_type=kinds)]
    return any(run_id in _latest_run(instance, event) for event in events)


def _ancestors(runs: Mapping[str, dg.DagsterRun], run_ids: Iterable[str]) -> set[str]:
    """Those of which the runs are later tries, and so on back, without which Dagster does not show them."""
    ancestors: set[str] = set()
    waiting = list(run_ids)
    while waiting:
        run = runs.get(waiting.pop())
        for ancestor in (run.parent_run_id, run.root_run_id) if run else ():  # none: it was removed before
            if ancestor and ancestor not in ancestors:
                ancestors.add(ancestor)
                waiting.append(ancestor)
    return ancestors


def _latest_run(instance: dg.DagsterInstance, event: dg.DagsterEvent) -> list[str]:
    """Give the run of the latest event on the same asset and partition, or check; none where they were wiped."""
    if event.asset_key:
        same = dg.AssetRecordsFilter(
            asset_key=event.asset_key, asset_partitions=[event.partition] if event.partition else None
        )
        fetch = instance.fetch_materializations if event.is_step_materialization else instance.fetch_observations
        return [record.event_log_entry.run_id for record in fetch(same, limit=1).records]
    # Private, as all of Dagster that tells of past evaluations; imported here, so that a version that has moved it
    # costs the retention and no more.
    from dagster._core.storage.asset_check_execution_record import COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES

    history = instance.event_log_storage.get_asset_check_execution_history(
        event.asset_check_evaluation_data.asset_check_key,
        limit=1,
        status=COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
    )
    return [record.run_id for record in history]


def _remove(instance: dg.DagsterInstance, run_id: str) -> None:
    from dagster._core.storage.event_log import SqliteEventLogStorage

    instance.compute_log_manager.delete_logs(prefix=[run_id])
    instance.delete_run(run_id)
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):  # which keeps a file for each run, and would keep it empty
        for suffix in ("", "-wal", "-shm"):
            Path(storage.path_for_shard(run_id) + suffix).unlink(missing_ok=True)
