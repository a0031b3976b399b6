"""Edits of a recording, for mutants that must turn one check red: a MAC swapped, a frame dropped.

Each function returns an edit: Evidence -> Evidence. Frames are chosen by the questions that
checks ask too, and changed byte by byte, so that the decoder sees what a broken network would show.
Offsets are those of an untagged Ethernet frame, and of an IPv4 header without options.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from testbed.evidence import Action, Direction, Evidence, Frame, NeighbourSample, TcpSample

Choice = Callable[[Evidence], Iterable[Frame]]
EditFunction = Callable[[Evidence], Evidence]

ETHERNET_DESTINATION = slice(0, 6)
ETHERNET_SOURCE = slice(6, 12)
ARP_SENDER_MAC = slice(22, 28)
ARP_TARGET_MAC = slice(32, 38)
ARP_TARGET_IP = slice(38, 42)
IP_LENGTH = slice(16, 18)
IP_IDENTIFICATION = slice(18, 20)
IP_TTL = slice(22, 23)
IP_CHECKSUM = slice(24, 26)
IP_SOURCE = slice(26, 30)
IP_DESTINATION = slice(30, 34)
TCP_DESTINATION_PORT = slice(36, 38)
QUOTED_IDENTIFICATION = slice(46, 48)  # of the IP header that an ICMP error quotes
TCP_SEQUENCE = slice(38, 42)
TCP_ACKNOWLEDGMENT = slice(42, 46)
TCP_FLAGS = slice(47, 48)
TCP_WINDOW = slice(48, 50)
SYN_OPTIONS = slice(54, 74)  # what Linux sends: MSS, SACK permitted, timestamps, NOP, window scale
FIRST_DATA = slice(66, 69)  # of a segment with timestamps, as Linux sends them: 12 bytes of options
NO_OPTIONS = bytes([1] * 20)  # as many NOPs (RFC 9293 §3.1)

STRANGER = bytes.fromhex("02005e000099")  # a MAC that no card of a lab has


def rewritten(choose: Choice, where: slice, value: bytes) -> EditFunction:
    """Put other bytes at a place of the chosen frames."""
    return changed(choose, lambda frame: _with_bytes(frame, where, value))


def _with_bytes(frame: Frame, where: slice, value: bytes) -> Frame:
    data = bytearray(frame.data)
    data[where] = value
    return frame.replaced(data=bytes(data), original_length=frame.original_length)


def counting(choose: Choice, where: slice, step: int) -> EditFunction:
    """Put at a place of the chosen frames, one after another, the values of a counter with a steady step."""

    def edit(seen: Evidence) -> Evidence:
        turns = {frame.number: turn for turn, frame in enumerate(choose(seen), 1)}
        size = where.stop - where.start

        def change(frame: Frame) -> Frame:
            value = (turns[frame.number] * step % 256**size).to_bytes(size, "big")
            return _with_bytes(frame, where, value)

        return seen.map_frames(lambda frame: change(frame) if frame.number in turns else frame)

    return edit


def changed(choose: Choice, change: Callable[[Frame], Frame]) -> EditFunction:
    """Replace each chosen frame."""

    def edit(seen: Evidence) -> Evidence:
        numbers = {frame.number for frame in choose(seen)}
        return seen.map_frames(lambda frame: change(frame) if frame.number in numbers else frame)

    return edit


def with_data(choose: Choice, payload: bytes) -> EditFunction:
    """Let the chosen TCP segments carry data behind what they are."""

    def change(frame: Frame) -> Frame:
        data = bytearray(frame.data)
        length = int.from_bytes(data[16:18], "big")
        data[16:18] = (length + len(payload)).to_bytes(2, "big")
        return frame.replaced(data=bytes(data[: 14 + length]) + payload)

    return changed(choose, change)


def dropped(choose: Choice) -> EditFunction:
    """Take the chosen frames out of the recording."""

    def edit(seen: Evidence) -> Evidence:
        numbers = {frame.number for frame in choose(seen)}
        return seen.map_frames(lambda frame: None if frame.number in numbers else frame)

    return edit


def delayed(choose: Choice, seconds: float) -> EditFunction:
    """Let the chosen frames have been seen later; with a negative number, earlier."""
    return changed(choose, lambda frame: frame.replaced(time_ns=frame.time_ns + int(seconds * 1e9)))


def moved(choose: Choice, step: str) -> EditFunction:
    """Let the chosen frames have been seen at the end of a step."""

    def edit(seen: Evidence) -> Evidence:
        end = seen.step(step).end_ns
        return changed(choose, lambda frame: frame.replaced(time_ns=end))(seen)

    return edit


def leaked(choose: Choice, vantage: str, direction: Direction = "in") -> EditFunction:
    """Show copies of the chosen frames at another vantage point, as received or as sent there."""

    def edit(seen: Evidence) -> Evidence:
        number = max(frame.number for frame in seen.frames)
        copies = [
            frame.replaced(number=number + offset, vantage=vantage, direction=direction)
            for offset, frame in enumerate(choose(seen), 1)
        ]
        frames = sorted((*seen.frames, *copies), key=lambda frame: (frame.time_ns, frame.number))
        return seen.edited(frames=tuple(frames))

    return edit


def forgotten_neighbours(node: str) -> EditFunction:
    """Take a node's neighbour table out of the recording."""
    return lambda seen: seen.map_neighbours(lambda sample: None if sample.node == node else sample)


def learned_too(node: str, from_node: str) -> EditFunction:
    """Give a node the neighbour entries that another one learned."""

    def edit(seen: Evidence) -> Evidence:
        copies = tuple(replace(s, node=node) for s in seen.neighbour_samples if s.node == from_node)
        return seen.edited(neighbour_samples=(*seen.neighbour_samples, *copies))

    return edit


def forgotten_after_stale(node: str) -> EditFunction:
    """Take out of the recording what a node's neighbour table became after its first STALE entry."""

    def edit(seen: Evidence) -> Evidence:
        own = [sample for sample in seen.neighbour_samples if sample.node == node]
        stale = min((sample.time_ns for sample in own if sample.state == "STALE"), default=seen.end_ns)
        return seen.map_neighbours(lambda s: None if s.node == node and s.time_ns > stale else s)

    return edit


def learns(node: str, address: str) -> EditFunction:
    """Let a node have learned an address, at a stranger's MAC."""

    def edit(seen: Evidence) -> Evidence:
        number = len(seen.tcp_samples) + len(seen.neighbour_samples) + 1
        mac = STRANGER.hex(":")
        row = NeighbourSample(number, seen.end_ns, node, "eth0", ip_address(address), mac, "STALE")
        return seen.edited(neighbour_samples=(*seen.neighbour_samples, row))

    return edit


def without_state(state: str, node: str, since: str | None = None) -> EditFunction:
    """Take the samples of a node's sockets in one state out of the recording; `since`: from a step on."""

    def edit(seen: Evidence) -> Evidence:
        begin = seen.begin_ns if since is None else seen.step(since).begin_ns

        def keep(sample: TcpSample) -> TcpSample | None:
            fits = (sample.node, sample.state) == (node, state) and sample.time_ns >= begin
            return None if fits else sample

        return seen.map_tcp_samples(keep)

    return edit


def other_state(state: str, node: str, instead: str) -> EditFunction:
    """Let a node's sockets that were in one state have been in another."""

    def change(sample: TcpSample) -> TcpSample:
        return replace(sample, state=instead) if (sample.node, sample.state) == (node, state) else sample

    return lambda seen: seen.map_tcp_samples(change)


def with_queue(node: str, send_queue: int) -> EditFunction:
    """Let so many bytes have waited to be sent, or to be acknowledged, in all of a node's sockets."""

    def change(sample: TcpSample) -> TcpSample:
        return replace(sample, send_queue=send_queue) if sample.node == node else sample

    return lambda seen: seen.map_tcp_samples(change)


def with_result(choose: Callable[[Evidence], Iterable[Action]], result: Any) -> EditFunction:
    """Let the chosen actions have returned something else."""

    def edit(seen: Evidence) -> Evidence:
        numbers = {action.number for action in choose(seen)}
        return seen.map_actions(lambda one: replace(one, result=result) if one.number in numbers else one)

    return edit


def saying(old: str, new: str, *, but_first: int = 0) -> EditFunction:
    """Let the commands run on nodes, but for the first ones, have written something else to stdout."""

    def edit(seen: Evidence) -> Evidence:
        ran = [one.number for one in seen.actions if one.name in ("exec", "run") and one.result is not None]
        spared = set(ran[:but_first])

        def change(action: Action) -> Action:
            if action.number not in ran or action.number in spared:
                return action
            said = action.result["stdout"].replace(old.encode(), new.encode())
            return replace(action, result={**action.result, "stdout": said})

        return seen.map_actions(change)

    return edit


def renamed_remote(choose: Callable[[Evidence], Iterable[Action]], address: str) -> EditFunction:
    """Let the chosen actions have reached another address."""

    def change(action: Action) -> Action:
        _, port = action.result["remote"]
        return replace(action, result={**action.result, "remote": [address, port]})

    def edit(seen: Evidence) -> Evidence:
        numbers = {action.number for action in choose(seen)}
        return seen.map_actions(lambda action: change(action) if action.number in numbers else action)

    return edit


def with_error(choose: Callable[[Evidence], Iterable[Action]], error: str | None) -> EditFunction:
    """Let the chosen actions have ended with another error, or with none."""

    def edit(seen: Evidence) -> Evidence:
        numbers = {action.number for action in choose(seen)}
        return seen.map_actions(lambda a: replace(a, error=error) if a.number in numbers else a)

    return edit


def undone(choose: Callable[[Evidence], Iterable[Action]]) -> EditFunction:
    """Take the chosen actions out of the recording."""

    def edit(seen: Evidence) -> Evidence:
        numbers = {action.number for action in choose(seen)}
        return seen.map_actions(lambda action: None if action.number in numbers else action)

    return edit


def turned_to_icmp(choose: Choice) -> EditFunction:
    """Show, beside the chosen packets, an ICMP "unreachable" that comes back from where they went."""

    def edit(seen: Evidence) -> Evidence:
        number = max(frame.number for frame in seen.frames)
        reports = []
        for offset, frame in enumerate(choose(seen), 1):
            data = bytearray(frame.data[:42])
            data[23] = 1  # the protocol is ICMP
            data[IP_SOURCE], data[30:34] = frame.data[30:34], frame.data[IP_SOURCE]
            data[34:36] = b"\x03\x01"
            reports.append(frame.replaced(number=number + offset, direction="in", data=bytes(data)))
        return seen.edited(
            frames=tuple(sorted((*seen.frames, *reports), key=lambda f: (f.time_ns, f.number)))
        )

    return edit


def said(choose: Callable[[Evidence], Iterable[Action]], stdout: bytes) -> EditFunction:
    """Let the chosen commands have written something else."""

    def change(action: Action) -> Action:
        return replace(action, result={**action.result, "stdout": stdout})

    def edit(seen: Evidence) -> Evidence:
        numbers = {action.number for action in choose(seen)}
        return seen.map_actions(lambda action: change(action) if action.number in numbers else action)

    return edit


def renumbered(vantage: str, mac: str) -> EditFunction:
    """Let the card of a vantage point have another number."""
    return lambda seen: seen.edited(
        vantages=tuple(replace(card, mac=mac) if card.name == vantage else card for card in seen.vantages)
    )
