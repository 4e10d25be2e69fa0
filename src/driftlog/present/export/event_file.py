"""TensorBoard's event files: scalars, histograms and texts as records, and a file that is replaced whole.

One file a run, named as TensorBoard looks for them and by an ordinal that only grows. A new one takes the place of the
old by its name alone: a TensorBoard that is reading moves on to it, and meets steps it has seen. It then drops what it
had of each series from that step on, which is how it treats a training that was started again. So a point that was
revised is shown once, with its new value.

Histograms are written as 64 bit tensors, for their older form keeps 32 bits of ends and counts. TensorBoard's quick
loader reads single numbers as 32 bits however they are written (seven digits).
"""

from __future__ import annotations

import filecmp
import re
import struct
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from driftlog.contract.errors import UsageError

if TYPE_CHECKING:
    from tensorboardX.proto.summary_pb2 import Summary

SUFFIX: Final = "driftlog"
PARTIAL: Final = ".driftlog-partial"
_NAME: Final = re.compile(r"events\.out\.tfevents\.(\d{10})\.driftlog\Z")
_PLAIN: Final = " =,.@+_-"
Bin = tuple[float, float, float]
"""Left end, right end, count."""


def require_writer() -> None:
    """Raise `UsageError` where the package that makes records is not installed."""
    if find_spec("tensorboardX") is None:
        raise UsageError(
            "the Python package tensorboardX is not installed", remedy='pip install "driftlog[tensorboard]"'
        )


def scalar(tag: str, value: float) -> Summary.Value:
    """One number."""
    from tensorboardX.proto.summary_pb2 import Summary

    return Summary.Value(tag=tag, simple_value=value)


def histogram(tag: str, bins: Sequence[Bin]) -> Summary.Value:
    """Counts of bins, as they are."""
    flat = [number for each in bins for number in each]
    return _value(tag, "histograms", "DT_DOUBLE", (len(bins), 3), struct.pack(f"<{len(flat)}d", *flat))


def text(tag: str, markdown: str) -> Summary.Value:
    """One text, in Markdown."""
    return _value(tag, "text", "DT_STRING", (), markdown.encode())


def _value(tag: str, plugin: str, dtype: str, shape: Sequence[int], content: bytes) -> Summary.Value:
    from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboardX.proto.tensor_pb2 import TensorProto
    from tensorboardX.proto.tensor_shape_pb2 import TensorShapeProto

    dimensions = TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in shape])
    tensor = TensorProto(dtype=dtype, tensor_shape=dimensions)
    if dtype == "DT_STRING":
        tensor.string_val.append(content)
    else:
        tensor.tensor_content = content
    data = SummaryMetadata.PluginData(plugin_name=plugin)
    return Summary.Value(tag=tag, tensor=tensor, metadata=SummaryMetadata(plugin_data=data))


class EventFile:
    """The event file of one run, written beside the old one and put in its place by `replace`.

    It is opened for each append alone, so that there may be as many as there are runs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._partial = folder / PARTIAL
        self._begun = False
        self._tags: set[str] = set()
        self.values = 0

    def append(self, values: Iterable[Summary.Value], *, step: int, wall_time: float) -> None:
        """Add the values of one step."""
        from tensorboardX.proto.event_pb2 import Event, SessionLog
        from tensorboardX.proto.summary_pb2 import Summary

        events = []
        if not self._begun:
            self._folder.mkdir(parents=True, exist_ok=True)
            events.append(Event(wall_time=wall_time, file_version="brain.Event:2"))
            start = SessionLog(status=SessionLog.START)
            events.append(Event(wall_time=wall_time, step=step, session_log=start))
        summary = Summary(value=values)
        for value in summary.value:  # what kind a tag is, is said once
            if value.tag in self._tags:
                value.ClearField("metadata")
            self._tags.add(value.tag)
        events.append(Event(wall_time=wall_time, step=step, summary=summary))
        with self._partial.open("ab" if self._begun else "wb") as file:
            for event in events:
                file.write(record(event.SerializeToString(deterministic=True)))
        self._begun = True
        self.values += len(summary.value)

    def replace(self) -> bool:
        """Put what was appended in the place of the old file; whether it differs from it."""
        before = own_files(self._folder)
        if before and filecmp.cmp(before[-1], self._partial, shallow=False):
            self._partial.unlink()
            remove(before[:-1])
            return False
        self._partial.rename(self._folder / _name(before))
        remove(before)
        return True


def own_files(folder: Path) -> list[Path]:
    """Event files of a folder that driftlog wrote, in TensorBoard's order."""
    return sorted(path for path in folder.glob(f"*.{SUFFIX}") if _NAME.match(path.name))


def remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _name(before: Sequence[Path]) -> str:
    found = _NAME.match(before[-1].name) if before else None
    return f"events.out.tfevents.{int(found[1]) + 1 if found else 1:010d}.{SUFFIX}"


def record(data: bytes) -> bytes:
    """`data` as a record of TensorFlow's: its length, the data, and a checksum of each."""
    from tensorboardX.record_writer import masked_crc32c

    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc32c(length)) + data + struct.pack("<I", masked_crc32c(data))


def folder_name(text: str) -> str:
    """`text` as the name of one folder, readable where it can be.

    >>> folder_name("origin=EWR"), folder_name("a/b"), folder_name(".."), folder_name("Köln")
    ('origin=EWR', 'a%2Fb', '%2E%2E', 'K%C3%B6ln')
    """
    name = quote(text, safe=_PLAIN)
    if name.startswith("."):
        name = name.replace(".", "%2E")
    return name if len(name) <= 200 else name[:200].rpartition("%")[0] or name[:200]
