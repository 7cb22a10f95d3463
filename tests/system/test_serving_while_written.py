"""TensorBoard goes on serving while runs appear and old ones go: what it hands out is one run's, and whole."""

import json
import sys
import threading
import time
import urllib.error
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.support.browser import free_port, running_server
from tests.support.crash_writers import KINDS, N_LOGGED
from tests.system.test_projector_server import get
from text_classification_viz.storage.publishing.data_root import DataRoot

pytestmark = pytest.mark.slow

N_DIMENSIONS = 8
BETWEEN_S = 1.0  # the server looks for runs as often
LONGEST_S = 300  # for what takes some seconds


@pytest.mark.soak
def test_no_answer_mixes_runs_or_holds_a_part(tmp_path, trials, tell):
    root, n_runs = DataRoot(tmp_path), trials(5, 100)
    the_last = [f"{n_runs:06}"]
    publish = KINDS["TensorBoard run"].publish
    publish(root, 1)
    address, answers, ended = f"http://127.0.0.1:{free_port()}", Counter(), threading.Event()
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(root.projector_runs), "--port"]

    def ask() -> None:
        """Read each run that is listed, as a browser does that opens it."""
        while not ended.is_set():
            for run in json.loads(get(address, "runs")):
                try:
                    tensor = np.frombuffer(get(address, "tensor", run=run, name="train"), np.float32)
                    metadata = get(address, "metadata", run=run, name="train").decode()
                    bookmarks = json.loads(get(address, "bookmarks", run=run, name="train"))
                except urllib.error.HTTPError as error:
                    # Listed still, and gone: old runs go once there are newer ones.
                    assert not (root.projector_runs / run).exists(), (run, error)
                    answers["gone"] += 1
                    continue
                version = int(run)
                assert set(tensor.reshape(N_LOGGED, N_DIMENSIONS)[:, 0]) == {version}
                assert metadata.splitlines()[1:] == [f"version {version}\tA"] * N_LOGGED
                assert len(bookmarks[0]["projections"]) == N_LOGGED
                answers["whole"] += 1
            time.sleep(0.05)

    command += [address.rpartition(":")[2], "--host", "127.0.0.1", "--reload_interval", "1"]
    with running_server(command, address):
        with ThreadPoolExecutor(1) as reader:
            asking = reader.submit(ask)
            try:
                for version in range(2, n_runs + 1):
                    time.sleep(BETWEEN_S)
                    publish(root, version)
                # The server sees what is there, and answers, as fast as this machine lets it.
                deadline = time.monotonic() + LONGEST_S
                while json.loads(get(address, "runs")) != the_last or answers["whole"] < n_runs:
                    if asking.done() or time.monotonic() > deadline:
                        break
                    time.sleep(0.2)
            finally:
                ended.set()
            asking.result()
        assert json.loads(get(address, "runs")) == the_last
    assert answers["whole"] >= n_runs
    tell(
        f"TensorBoard: {n_runs} runs appeared and {n_runs - 1} went while it served: {answers['whole']} answers "
        f"whole, {answers['gone']} of a run that had gone, none torn"
    )
