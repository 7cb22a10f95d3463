"""Computing with one thread, or with threads that compute each alone: results do not depend on how many there are.

Scope: the limit, and the pool. What is computed, the callers say; sharing out work among processes,
`workers`.
"""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial


@contextmanager
def one_thread() -> Iterator[None]:
    """Let libraries compute with one thread; sums depend on their number."""
    # The limit reaches libraries that are loaded, and SciPy's BLAS is one of its own.
    import faiss  # noqa: F401
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@contextmanager
def one_thread_each() -> Iterator[Executor]:
    """As many threads as OpenMP would use, in each of which libraries compute with that one alone."""
    import faiss
    from threadpoolctl import threadpool_limits

    n_threads = faiss.omp_get_max_threads()
    one_each = partial(threadpool_limits, 1)  # OpenMP's limit is each thread's own, that of BLAS the process's
    with one_thread(), ThreadPoolExecutor(n_threads, initializer=one_each) as pool:
        yield pool
