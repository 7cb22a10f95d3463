"""What starts runs: the jobs, the weekly schedule, and the sensors on upstream's, reviewers' and new files."""

import hashlib
import json
from collections.abc import Iterator

import dagster as dg

from text_classification_viz import settings
from text_classification_viz.assets.batches import BATCH, BATCHES, GROUP
from text_classification_viz.assets.upstream import UPSTREAM_KEYS
from text_classification_viz.assets.validation import VALIDATION
from text_classification_viz.core.errors import InputError
from text_classification_viz.resources import VALIDATION_KEYS, UpstreamIOManager
from text_classification_viz.sources import (
    NAMES_IN_WORDS,
    find_upstream_file,
    hash_file,
    list_batches,
    review_files,
    stamp_of_upstream_file,
)
from text_classification_viz.storage.publishing import DataRoot, stamp_of

BATCHES_AT_ONCE = 100  # runs that one tick starts; the others have their turn at the next
WAITING = "A run that was started for an earlier change is waiting; this change has its turn when that has begun."

# A run that crashed is run again as a whole: what it had published may be of an older state than what it had not.
WHOLE_RETRY = {"dagster/retry_strategy": "ALL_STEPS"}

visualization_job = dg.define_asset_job(
    "visualization_job",
    selection=dg.AssetSelection.groups("visualization"),
    tags=WHOLE_RETRY,
    description="All tables, maps, logs and the outlier report, from the upstream files as they are.",
)

review_job = dg.define_asset_job(
    "review_job",
    # What changed since upstream's last state is told until upstream changes again.
    # New rows are reported on when they come, and there need not be any.
    selection=dg.AssetSelection.assets("reviewed_labels").downstream()
    - dg.AssetSelection.assets("row_changes", *VALIDATION.names, *BATCH.names),
    tags=WHOLE_RETRY,
    description="What hangs on people's decisions: the report on what is open, and the corrected training set.",
)

batch_job = dg.define_asset_job(
    "batch_job",
    selection=dg.AssetSelection.groups(GROUP),
    tags=WHOLE_RETRY,
    description="One batch of new rows, placed on the training map as it is, and reported on.",
)

visualization_schedule = dg.ScheduleDefinition(
    name="visualization_schedule",
    job=visualization_job,
    cron_schedule=settings.visualization_cron(),
    description="Weekly, on Monday at six, unless VISUALIZATION_CRON says otherwise.",
)


@dg.sensor(
    job=visualization_job,
    minimum_interval_seconds=60,
    description="Starts visualization_job when the contents of an upstream file have changed.",
)
def upstream_sensor(
    context: dg.SensorEvaluationContext, upstream_io_manager: dg.ResourceParam[UpstreamIOManager]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Compare the files' hashes with those of the last run that was started.

    The cursor holds the stamp (size and times of change) and the hash of each file, so that files are read
    only when their stamp has changed.
    """
    storage = upstream_io_manager.storage
    known = json.loads(context.cursor) if context.cursor else {}
    seen = {}
    try:
        for key in [*UPSTREAM_KEYS, *(VALIDATION_KEYS if upstream_io_manager.has_validation_files else ())]:
            path = find_upstream_file(storage, key)
            stamp = stamp_of_upstream_file(path)
            last = known.get(key, {})
            sha256 = last["sha256"] if last.get("stamp") == stamp else hash_file(path)
            seen[key] = {"stamp": stamp, "sha256": sha256}
    except InputError as error:
        yield dg.SkipReason(str(error))
        return
    cursor = json.dumps(seen, sort_keys=True)
    changed = [key for key in known | seen if known.get(key, {}).get("sha256") != seen.get(key, {}).get("sha256")]
    if not changed:
        context.update_cursor(cursor)  # stamps may have changed
        yield dg.SkipReason("The upstream files are those of the last run.")
        return
    if _run_is_waiting(context):
        yield dg.SkipReason(WAITING)
        return
    context.update_cursor(cursor)
    # The stamps belong to the run key: files that return to an earlier content are to be run again.
    run_key = hashlib.sha256(cursor.encode()).hexdigest()
    yield dg.RunRequest(run_key=run_key, tags={"changed_upstream": ", ".join(changed)})


@dg.sensor(
    job=review_job,
    minimum_interval_seconds=60,
    description="Starts review_job when a file in DATA_ROOT/reviews is new, changed or gone.",
)
def reviews_sensor(
    context: dg.SensorEvaluationContext, data_root: dg.ResourceParam[DataRoot]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Compare names, sizes and times of change with those of the last run that was started."""
    try:
        stamps = [stamp_of(path) for path in review_files(data_root.reviews)]
    except (InputError, OSError) as error:
        yield dg.SkipReason(f"{error}: a file that went away meanwhile is seen at the next tick.")
        return
    seen = json.dumps(stamps)
    if seen == (context.cursor or "[]"):
        yield dg.SkipReason("The review files are those of the last run.")
        return
    if _run_is_waiting(context):
        yield dg.SkipReason(WAITING)
        return
    context.update_cursor(seen)
    yield dg.RunRequest()  # without a key: Dagster ignores one that it has seen, and files come back as they were


@dg.sensor(
    job=batch_job,
    minimum_interval_seconds=60,
    description="Adds a partition for each file in DATA_ROOT/incoming that is new, and starts batch_job for those "
    "that are new or changed.",
)
def incoming_sensor(
    context: dg.SensorEvaluationContext, data_root: dg.ResourceParam[DataRoot]
) -> dg.SensorResult | dg.SkipReason:
    """Compare each file's size and times of change with those of the last run that was started for it.

    The partition of a file that has gone stays, with what was published of it.
    """
    known = json.loads(context.cursor) if context.cursor else {}
    try:
        found, others = list_batches(data_root.incoming)
        stamps = {name: [stamp_of(part) for part in parts] for name, parts in found.items()}
    except (InputError, OSError) as error:
        return dg.SkipReason(f"{error}: a file that went away meanwhile is seen at the next tick.")
    if others:
        context.log.warning(f"{data_root.incoming}: expected {NAMES_IN_WORDS}, found {', '.join(others[:10])}")
    changed = [name for name, stamp in stamps.items() if known.get(name) != stamp][:BATCHES_AT_ONCE]
    if not changed:
        return dg.SkipReason("No batch is new or changed.")
    cursor = {name: known[name] for name in stamps if name in known} | {name: stamps[name] for name in changed}
    return dg.SensorResult(
        run_requests=[dg.RunRequest(partition_key=name) for name in changed],
        dynamic_partitions_requests=[BATCHES.build_add_request(changed)],
        cursor=json.dumps(cursor),
    )


def _run_is_waiting(context: dg.SensorEvaluationContext) -> bool:
    """Whether a run of this sensor is in the queue, where changes that come faster than runs would pile up.

    The cursor stays meanwhile, for that run may be cancelled, or be a part of one that is executed again.
    """
    waiting = dg.RunsFilter(
        tags={"dagster/sensor_name": context.sensor_name}, statuses=[dg.DagsterRunStatus.QUEUED]
    )
    return bool(context.instance.get_run_records(waiting, limit=1))
