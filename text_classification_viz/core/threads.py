"""Threads that compute each alone, so that results do not depend on how many there are.

Belongs here: the pool. What its threads compute, its callers say; sharing out work among processes, `workers`.
"""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial


@contextmanager
def one_thread_each() -> Iterator[Executor]:
    """As many threads as OpenMP would use, in each of which libraries compute with that one alone."""
    import faiss
    import scipy.linalg  # noqa: F401  whose BLAS is one of its own, and is limited only once it is loaded
    from threadpoolctl import threadpool_limits

    n_threads = faiss.omp_get_max_threads()
    one_each = partial(threadpool_limits, 1)  # OpenMP's limit is each thread's own, that of BLAS the process's
    with threadpool_limits(1), ThreadPoolExecutor(n_threads, initializer=one_each) as pool:
        yield pool
