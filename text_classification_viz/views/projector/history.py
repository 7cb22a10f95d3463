"""What TensorBoard's other tabs show of a run: its figures and pictures, one step after those of earlier runs.

Scope: events files. Each run holds those of the runs before it and one of its own, so that a server opened
on the newest run alone, as the projector asks for, shows how the figures went. Not here: which figures.
"""

import io
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from text_classification_viz.views.plots import with_palette

EVENTS = "events.out.tfevents."  # TensorBoard knows a run by such a file, and reads several in the order of names
STEP_DIGITS = 6  # of a step, which ends the name: by name, files are in the order of their steps
MAX_STEPS = 100  # runs that the history goes back
SHRUNK_BY = 2  # pictures, in width and height: TensorBoard shows them small


def write_history(
    folder: Path, figures: Mapping[str, float], pictures: Mapping[str, bytes], previous: Path | None
) -> int:
    """Write the events files of a run.

    Parameters
    ----------
    folder
        The run's.
    figures
        By tag; what stands before a tag's `/` is the heading under which TensorBoard shows it.
    pictures
        PNG by tag.
    previous
        Folder of the run before this one, whose events files this one takes over; None for the first.

    Returns
    -------
    int
        The run's step: 1 for the first.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    earlier = sorted(previous.glob(EVENTS + "?" * STEP_DIGITS)) if previous else []
    for events in earlier[1 - MAX_STEPS :]:
        shutil.copy(events, folder)
    step = 1 + (int(earlier[-1].name.removeprefix(EVENTS)) if earlier else 0)
    values = [Summary.Value(tag=tag, simple_value=figure) for tag, figure in figures.items()]
    values += [Summary.Value(tag=tag, image=_image(png)) for tag, png in pictures.items()]
    now = time.time()
    with (folder / f"{EVENTS}{step:0{STEP_DIGITS}}").open("wb") as file:
        records = RecordWriter(file)
        records.write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
        records.write(Event(wall_time=now, step=step, summary=Summary(value=values)).SerializeToString())
    return step


def _image(png: bytes) -> Any:
    from PIL import Image
    from tensorboard.compat.proto.summary_pb2 import Summary

    picture = Image.open(io.BytesIO(png)).reduce(SHRUNK_BY)
    return Summary.Image(width=picture.width, height=picture.height, encoded_image_string=with_palette(picture))
