"""StatsD servers and Datadog's agent as destinations: lines in datagrams, or over a TCP connection.

A datagram has no acknowledgement, so growth counts as sent when it has left. What certainly did not leave comes again:
an agent's socket that is not there, a connection that breaks, a machine that says that nobody listens at that port.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from driftlog.contract.errors import DeliveryError
from driftlog.present.export.event import Event, datagram
from driftlog.present.export.ledger import Change, Unsure
from driftlog.present.export.push import Sent
from driftlog.present.export.reading import Reading
from driftlog.present.export.sockets import Wire
from driftlog.present.export.statsd import (
    UDP_BYTES,
    UNIX_BYTES,
    Line,
    Packet,
    dogstatsd_lines,
    packets,
    statsd_lines,
)

STREAM_BYTES: Final = 65_536


@dataclass(frozen=True)
class Datagrams:
    """Lines to `address`: with tags for Datadog's agent (`tagged`), else with everything in the name."""

    address: str
    namespace: str = "driftlog"
    tagged: bool = False
    tags: tuple[str, ...] = ()
    events: bool = False
    unsure: Unsure = "at_most_once"
    timeout_s: float = 5.0

    @property
    def name(self) -> str:
        return self.address

    def send(self, readings: Sequence[Reading], changes: Sequence[Change], *, at: datetime, again: bool) -> Sent:
        """Everything that fits, packet by packet; at the first that does not leave, the rest counts as unsent."""
        del at, again
        lines = list(self._lines(readings, changes))
        packed = list(packets(lines, self._most))
        dropped = len(lines) - sum(len(packet.readings) for packet in packed)
        size = sum(len(packet.data) for packet in packed)
        left = 0
        try:
            with Wire(self.address, timeout_s=self.timeout_s) as wire:
                for left, packet in enumerate(packed):  # noqa: B007 - how far it came is used below
                    wire.send(packet.data)
                wire.check()
        except DeliveryError as error:
            return Sent(left, 0, error, self._unsent(packed, left, error), dropped=dropped)
        return Sent(len(packed), size, dropped=dropped)

    def _unsent(self, packed: Sequence[Packet], left: int, error: DeliveryError) -> list[Reading] | None:
        """Of a connection or socket that broke, what had not left; of a port where nobody listens, everything."""
        cause = error.__cause__
        if isinstance(cause, ConnectionRefusedError) or cause is None or not left:
            return None
        return [reading for packet in packed[left:] for reading in packet.readings]

    def tell(self, event: Event) -> Sent:
        data = datagram(event, most=self._most)
        try:
            with Wire(self.address, timeout_s=self.timeout_s) as wire:
                wire.send(data)
                wire.check()
        except DeliveryError as error:
            return Sent(0, 0, error)
        return Sent(1, len(data))

    def preview(self, readings: Sequence[Reading], changes: Sequence[Change], *, at: datetime) -> Iterator[str]:
        del at
        for line in self._lines(readings, changes):
            yield line.text

    def _lines(self, readings: Sequence[Reading], changes: Sequence[Change]) -> Iterator[Line]:
        if self.tagged:
            return dogstatsd_lines(readings, changes, namespace=self.namespace, tags=self.tags)
        return statsd_lines(readings, changes, prefix=self.namespace)

    @property
    def _most(self) -> int:
        kind = self.address.partition(":")[0]
        return {"udp": UDP_BYTES, "unix": UNIX_BYTES}.get(kind, STREAM_BYTES)
