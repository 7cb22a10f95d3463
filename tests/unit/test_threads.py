"""The pool of threads that compute each alone."""

import subprocess
import sys

PROGRAM = """
from threadpoolctl import threadpool_info

from text_classification_viz.core.threads import one_thread_each

def threads_of_libraries():
    return [library["num_threads"] for library in threadpool_info()]

with one_thread_each() as pool:
    import scipy.optimize, sklearn.metrics  # as what is computed in the pool imports them
    inside = pool.submit(threads_of_libraries).result()
print(len(inside), max(inside), max(threads_of_libraries()))
"""


def test_libraries_that_are_imported_in_the_pool_compute_with_one_thread_too():
    # In a process of its own: this one has loaded them all.
    command = [sys.executable, "-c", PROGRAM]
    environment = {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3"}
    printed = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    n_libraries, most_inside, most_afterwards = map(int, printed.split())
    assert n_libraries >= 3  # NumPy's BLAS, SciPy's, and OpenMP
    assert (most_inside, most_afterwards) == (1, 3)
