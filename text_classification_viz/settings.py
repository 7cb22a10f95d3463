"""The environment variables that the product reads: what each means, what stands for one that is not set.

Scope: every look at the environment. An empty variable counts as one that is not set.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from text_classification_viz.core.errors import InputError
from text_classification_viz.sources import UPSTREAM_CLASS
from text_classification_viz.storage.publishing import AnyPath, bucket_and_prefix

CHECKOUT = Path(__file__).resolve().parents[1]
WEEKLY = "0 6 * * 1"

Environment = Mapping[str, str]


def data_root(environment: Environment = os.environ, checkout: Path = CHECKOUT) -> AnyPath:
    """DATA_ROOT: s3://bucket/prefix, or a folder, which only a checkout has one of its own for.

    Raises
    ------
    InputError
        It is another kind of URL, or it is not set and `checkout`, the folder above the package, is none.
    """
    setting = environment.get("DATA_ROOT")
    if setting and "://" in setting:
        return bucket_and_prefix(setting)
    if not setting and not (checkout / "pyproject.toml").is_file():
        raise InputError(
            "DATA_ROOT: expected a folder for the results, or s3://bucket/prefix, found none set, and the package "
            f"is installed in {checkout}, which is no place for them; set it before you start"
        )
    return Path(setting or checkout / "data").expanduser().absolute()


def upstream_storage(data_root: AnyPath, environment: Environment = os.environ) -> Path:
    """UPSTREAM_STORAGE: a folder, which must be set where DATA_ROOT is no folder of this machine.

    Raises
    ------
    InputError
        It is a URL, or not set where it must be.
    """
    setting = environment.get("UPSTREAM_STORAGE")
    if "://" in (setting or str(data_root)):
        found = "a URL" if setting else f"none set, and DATA_ROOT is {data_root}"
        raise InputError(
            f"UPSTREAM_STORAGE: expected a folder of this machine, found {found}; set it to where the upstream "
            "project keeps its files"
        )
    return Path(setting or str(data_root / "storage")).expanduser().absolute()


def label_transform_class(environment: Environment = os.environ) -> str:
    """LABEL_TRANSFORM_CLASS: the dotted name of upstream's class, which is checked when its file is read."""
    return environment.get("LABEL_TRANSFORM_CLASS") or UPSTREAM_CLASS


def visualization_cron(environment: Environment = os.environ) -> str:
    """VISUALIZATION_CRON: when the schedule runs.

    Raises
    ------
    InputError
        Dagster does not know it as a cron expression.
    """
    setting = environment.get("VISUALIZATION_CRON") or WEEKLY
    try:
        dg.ScheduleDefinition(job_name="any", cron_schedule=setting)
    except dg.DagsterInvalidDefinitionError as error:
        raise InputError(
            f"VISUALIZATION_CRON: expected a cron expression of five fields, as {WEEKLY!r}, found {setting!r}; "
            "correct it, or unset it for every Monday at six"
        ) from error
    return setting


def ray_address(environment: Environment = os.environ) -> str | None:
    """RAY_ADDRESS: where a cluster of Ray listens; None for this machine. `batch_work` asks if it answers."""
    return environment.get("RAY_ADDRESS") or None
