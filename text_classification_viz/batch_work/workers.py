"""Sharing out work: items to as many workers as are asked for, in this process or on a Ray cluster.

Scope: starting workers and losing none of their results. What the work is, its callers say.

A worker is made once and then called with one item after another, so that what is expensive to set up is set up
once. Of several, each is an actor of Ray Data, on this machine or, where RAY_ADDRESS names a cluster, on that. An
item whose worker dies is done again by another; its result counts once, since results are by item and not by call.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from text_classification_viz.core.errors import InputError
from text_classification_viz.settings import ray_address

Item = TypeVar("Item")
Result = TypeVar("Result")

ACTOR_MEMORY = 1 << 30  # bytes that Ray sets aside for each, beside what they share
CONNECT_S = 10
RESTARTS = 3  # of an actor that died, and tries of an item whose actor did; Ray would go on for ever


def map_with_workers(
    make_worker: Callable[[Any], Callable[[Item], Result]],
    shared: Any,
    items: Sequence[Item],
    *,
    n_workers: int = 1,
    log: logging.Logger = logging.getLogger(__name__),
) -> Iterator[Result]:
    """Give the results of all items, in their order.

    Parameters
    ----------
    make_worker
        Called with `shared` once for each worker; a class at the top of a module, so that Ray can send it.
    shared
        What all workers hold: arrays in it are in memory once for each machine.
    items
        What is to be done, small: names of files rather than their contents.
    n_workers
        1: in this process, without Ray. More: so many actors, of one core each.
    log
        Where progress goes.

    Raises
    ------
    InputError
        Ray is not installed, or its cluster does not answer.
    """
    if n_workers == 1:
        worker = make_worker(shared)
        yield from map(worker, items)
        return
    with _ray():
        import ray

        held = ray.put((shared, items))
        log.info(f"{len(items):,} items for {n_workers} workers of Ray")
        numbers = [{"number": number} for number in range(len(items))]
        done = ray.data.from_items(numbers, override_num_blocks=len(items)).map_batches(
            _Actor,
            fn_constructor_args=(make_worker, held),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=min(n_workers, len(items))),
            num_cpus=1,
            memory=ACTOR_MEMORY,
            ray_remote_args_fn=lambda: {"max_restarts": RESTARTS, "max_task_retries": RESTARTS},
        )
        try:
            results = {row["done"].number: row["done"].result for row in done.iter_rows()}
        except ray.exceptions.RayError as error:
            raise InputError(
                f"workers: expected workers of Ray that stay alive, found that one died {RESTARTS} times "
                f"({type(error).__name__}: {error}); see to their memory, and that this package is installed "
                "wherever they run, or set workers to 1"
            ) from error
    yield from (results[number] for number in range(len(items)))


@dataclass(frozen=True)
class _Done:
    """An item's number and its result, which Ray would take apart if it were a plain tuple."""

    number: int
    result: Any


class _Actor:
    """A worker inside an actor of Ray Data, which hands it batches of one number, that of an item."""

    def __init__(self, make_worker: Callable[[Any], Callable[[Any], Any]], held: Any) -> None:
        import ray

        shared, self._items = ray.get(held)
        self._worker = make_worker(shared)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        (number,) = batch["number"]
        return {"done": [_Done(int(number), self._worker(self._items[number]))]}


@contextmanager
def _ray() -> Iterator[None]:
    """Ray, joined where RAY_ADDRESS says or started on this machine, for as long as the block runs."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would send reports home
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InputError(
            f"workers: expected the package ray, through which several share the work, found none ({error}); "
            "install text_classification_viz[ray], or set workers to 1"
        ) from error
    began = not ray.is_initialized()
    address = ray_address()
    if began:
        if address:
            _check_cluster(address)
        try:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError) as error:  # as of a TMPDIR too long for the name of a socket
            remedy = (
                "see to RAY_ADDRESS, and that RAY_AUTH_MODE and the versions are those of the cluster"
                if address
                else "set RAY_TMPDIR to a folder with room and a short name, or set workers to 1"
            )
            raise InputError(
                f"workers: expected Ray to start {f'at {address}' if address else 'on this machine'}, found "
                f"{str(error)!r}; {remedy}"
            ) from error
    try:
        if began and not address:  # a cluster may grow
            _check_memory(ray.cluster_resources().get("memory", 0.0))
        yield
    finally:
        if began:
            ray.shutdown()


def _check_memory(free: float) -> None:
    """Raise InputError where no actor has room in so many bytes; Ray would wait for ever."""
    if free < ACTOR_MEMORY:
        raise InputError(
            f"workers: expected {ACTOR_MEMORY >> 20:,} MiB of memory for each worker of Ray, found "
            f"{int(free) >> 20:,} MiB free for all on this machine; end what else runs here, or set workers to 1"
        )


def _check_cluster(address: str) -> None:
    """Raise InputError where nobody listens at host:port or ray://host:port; Ray would wait for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except (OSError, ValueError) as error:
        raise InputError(
            f"RAY_ADDRESS: expected a cluster that answers at {address}, found none ({error}); start it, or unset "
            "RAY_ADDRESS to use the cores of this machine"
        ) from error
