"""What others rely on, as text: `python -m tests.support.contract` accepts it as it is now."""

import json
from pathlib import Path
from typing import Any

from text_classification_viz.core import tables
from text_classification_viz.definitions import build_definitions

CONTRACT = Path(__file__).with_name("contract.json")


def contract() -> dict[str, Any]:
    """Assets, checks, jobs, schedules, sensors, and the columns of tables."""
    repository = build_definitions(Path("/data"), Path("/upstream")).get_repository_def()
    graph = repository.asset_graph
    return {
        "assets": {
            key.to_user_string(): {
                "group": graph.get(key).group_name,
                "kinds": sorted(graph.get(key).kinds),
                "code_version": graph.get(key).code_version,
                "from": sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
            }
            for key in sorted(graph.get_all_asset_keys())
        },
        "checks": sorted(f"{key.asset_key.to_user_string()}: {key.name}" for key in graph.asset_check_keys),
        "jobs": {
            job.name: sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys)
            for job in repository.get_all_jobs()
            if not job.name.startswith("__")
        },
        "schedules": {
            schedule.name: [schedule.cron_schedule, schedule.job_name, schedule.default_status.value]
            for schedule in repository.schedule_defs
        },
        "sensors": {sensor.name: sensor.default_status.value for sensor in repository.sensor_defs},
        "tables": {
            name.lower(): {field.name: str(field.type) for field in schema}
            for name, schema in sorted(vars(tables).items())
            if type(schema).__name__ == "Schema"
        },
    }


def as_text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    CONTRACT.write_text(as_text(contract()))
    print(f"{CONTRACT}: written; say in CHANGELOG.md what a consumer does about each change")
