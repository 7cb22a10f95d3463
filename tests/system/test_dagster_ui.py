"""What people see in Dagster's web UI: a real server over both code locations, in a real browser."""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import free_port, open_page, running_server
from tests.support.checkout import PROJECT
from tests.support.synthetic import write_upstream

DG = str(PROJECT / ".venv" / "bin" / "dg")

pytestmark = [
    pytest.mark.daemon,
    pytest.mark.browser,
    pytest.mark.skipif(not Path(DG).exists(), reason="dg is not installed in .venv; run make install"),
]


@dataclass
class Dagster:
    """A running web UI, after one run of the job."""

    url: str
    launch: subprocess.CompletedProcess[str]

    def query(self, query: str) -> dict[str, Any]:
        body = json.dumps({"query": query}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)["data"]


@pytest.fixture(scope="module")
def dagster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dagster]:
    folder = tmp_path_factory.mktemp("ui")
    home, upstream = folder / "home", folder / "upstream"
    home.mkdir()
    upstream.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
    write_upstream(upstream)
    environment = {
        **os.environ,
        "DATA_ROOT": str(folder / "data"),
        "UPSTREAM_STORAGE": str(upstream),
        "DAGSTER_HOME": str(home),
    }
    config = json.dumps({"ops": {"umap_projection": {"config": {"n_epochs": 30}}}})
    launch = subprocess.run(
        [DG, "launch", "--job", "visualization_job", "--config-json", config],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [DG, "dev", "-w", str(PROJECT / "workspace.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    with running_server(command, f"{url}/server_info", env=environment):
        yield Dagster(url, launch)


def test_launch_from_the_shell_succeeds_and_shows_progress(dagster):
    output = dagster.launch.stdout + dagster.launch.stderr
    assert dagster.launch.returncode == 0, output[-3000:]
    assert "nearest neighbors: 240 of 240 rows" in output
    assert "UMAP: epoch 30 of 30" in output
    assert "does not match the virtual environment" not in output


def test_both_locations_load_and_join_in_one_graph(dagster):
    found = dagster.query(
        "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError "
        "{ __typename } } } } assetNodes { assetKey { path } isMaterializable repository { location { name } } "
        "dependedByKeys { path } } }"
    )
    locations = {
        entry["name"]: entry["locationOrLoadError"]["__typename"]
        for entry in found["workspaceOrError"]["locationEntries"]
    }
    assert locations == {"text_classification_viz": "RepositoryLocation", "demo_upstream": "RepositoryLocation"}
    upstream = [
        node
        for node in found["assetNodes"]
        if node["assetKey"]["path"] == ["train_set"] and node["repository"]["location"]["name"] == "demo_upstream"
    ]
    assert upstream[0]["isMaterializable"]
    followers = {key["path"][0] for node in found["assetNodes"] for key in node["dependedByKeys"]}
    assert {"train_df", "train_vectors", "umap_projection", "projector_logs"} <= followers


def test_asset_page_shows_row_count_columns_and_thumbnail(dagster):
    with open_page() as page:
        page.goto(f"{dagster.url}/assets/umap_projection?view=events")
        page.get_by_text("[Show Markdown]").first.click()
        picture = page.locator("img[alt=map]")
        picture.wait_for()
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 400
        page.keyboard.press("Escape")
        page.get_by_text("Coordinate on the map; only distances mean something.").first.wait_for(state="attached")
        page.goto(f"{dagster.url}/assets/umap_projection")
        page.get_by_text("240", exact=True).first.wait_for()


def test_report_shows_the_rows_to_look_at_first(dagster):
    with open_page() as page:
        page.goto(f"{dagster.url}/assets/outlier_report?view=events")
        page.get_by_text("[Show Markdown]").first.click()
        rows = page.locator("table:has(th:text-is('suggested_label')) tbody tr")
        rows.first.wait_for()
        assert rows.count() == 20
        assert rows.first.locator("td").first.inner_text() == "1"


def test_launchpad_describes_each_setting(dagster):
    with open_page() as page:
        page.set_viewport_size({"width": 1500, "height": 1100})
        page.goto(f"{dagster.url}/locations/text_classification_viz/jobs/visualization_job/playground")
        page.get_by_text("perplexity").first.click()
        description = page.get_by_text("three per unit are taken from")
        description.first.wait_for()
