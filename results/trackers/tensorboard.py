"""Runs for TensorBoard: a folder each, with scalars over steps and a line under HPARAMS."""

from pathlib import Path
from typing import Any

from results.settings import flat
from results.trackers.tracked import Done, TrackedRun, began, package, read_note, write_note

NOTE = "tracked.json"


def write_tensorboard(run: TrackedRun, folder: Path) -> Done:
    """Write one run, unless it stands there as it is; one that has changed is written again.

    Measured values stand at the last step. Scalars have the seven digits of a float32.

    Args:
        run: to write.
        folder: of all runs, what `tensorboard --logdir` is given.

    Returns:
        What was done.

    Raises:
        ValueError: TensorBoard is not installed.
    """
    writers = package("tensorboard.summary.writer.event_file_writer", extra="tensorboard")
    target = folder / run.name
    note = read_note(target / NOTE)
    if note.get("digest") == run.digest:
        return "there already"
    (target / NOTE).unlink(missing_ok=True)  # so that half a run counts as none
    for old in target.glob("events.out.tfevents.*"):
        old.unlink()
    start = began(run)
    writer = writers.EventFileWriter(str(target))
    try:
        writer.add_event(_event(0, start, _hparams(run, start)))
        time = start
        for step, point in sorted(run.points.items()):
            time = start + point.get("spent/seconds", 0.0)
            writer.add_event(_event(step, time, _scalars(point)))
        if run.numbers:
            writer.add_event(_event(run.last_step, time, _scalars(run.numbers)))
        writer.add_event(_event(run.last_step, time, _end(run, time)))
    finally:
        writer.close()
    write_note(target / NOTE, run)
    return "continued" if note else "logged"


def _event(step: int, time: float, summary: Any) -> Any:
    protocol = package("tensorboard.compat.proto.event_pb2", extra="tensorboard")
    return protocol.Event(step=step, wall_time=time, summary=summary)


def _scalars(point: dict[str, float]) -> Any:
    protocol = package("tensorboard.compat.proto.summary_pb2", extra="tensorboard")
    values = [protocol.Summary.Value(tag=name, simple_value=value) for name, value in point.items()]
    return protocol.Summary(value=values)


def _hparams(run: TrackedRun, start: float) -> Any:
    """The configuration and the tags of a run, as TensorBoard's table of runs has them."""
    plugin = package("tensorboard.plugins.hparams.summary_v2", extra="tensorboard")
    settings = {
        **flat(run.record.config),
        **{f"tag/{name}": value for name, value in run.tags.items()},
        "tag/record": str(run.file),
    }
    plain = {
        name: value if isinstance(value, bool | int | float | str) else str(value)
        for name, value in settings.items()
    }
    return plugin.hparams_pb(plain, trial_id=run.name, start_time_secs=start)


def _end(run: TrackedRun, time: float) -> Any:
    protocol = package("tensorboard.compat.proto.summary_pb2", extra="tensorboard")
    api = package("tensorboard.plugins.hparams.api_pb2", extra="tensorboard")
    data = package("tensorboard.plugins.hparams.plugin_data_pb2", extra="tensorboard")
    metadata = package("tensorboard.plugins.hparams.metadata", extra="tensorboard")
    finished = run.record.status == "finished"
    info = data.SessionEndInfo(
        status=api.STATUS_SUCCESS if finished else api.STATUS_FAILURE, end_time_secs=time
    )
    value = protocol.Summary.Value(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(data.HParamsPluginData(session_end_info=info)),
        tensor=metadata.NULL_TENSOR,
    )
    return protocol.Summary(value=[value])
