"""tshark and our decoder agree on frames that hypothesis makes.

TESTBED_ORACLE_FRAMES=20000 makes more of them, and others each time.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from testbed.pcapng import InterfaceBlock, Record, write
from tests import frames_builder as build
from tests.oracle.compare import disagreements
from tests.oracle.strategies import Captured, fitting, frames, ip_option, ipv6_packets, tcp_option

ASKED = int(os.environ.get("TESTBED_ORACLE_FRAMES", "0"))
COUNT = ASKED or 500

every = settings(
    max_examples=COUNT,
    phases=[Phase.generate],  # frames are only made here; all are compared at once, afterwards
    derandomize=not ASKED,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

WITH_OPTIONS = st.builds(
    lambda options, flags, payload: build.ethernet(
        build.ipv4(build.tcp(payload, flags=flags, options=options))
    ),
    fitting(tcp_option),
    st.sampled_from((build.SYN, build.ACK, build.SYN | build.ACK)),
    st.binary(max_size=8),
)
IPV4_OPTIONS = st.builds(
    lambda options: build.ethernet(build.ipv4(build.udp(b"x"), build.UDP, options=options)),
    fitting(ip_option),
)
EXTENSIONS = ipv6_packets().map(lambda packet: build.ethernet(packet, build.IPV6))


def whole(frame: bytes) -> Captured:
    """A frame of which the capture has all."""
    return Captured(frame, len(frame))


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(frames(), id="any"),
        pytest.param(WITH_OPTIONS.map(whole), id="tcp-options"),
        pytest.param(IPV4_OPTIONS.map(whole), id="ipv4-options"),
        pytest.param(EXTENSIONS.map(whole), id="ipv6-extension-headers"),
    ],
)
def test_tshark_and_we_agree_field_by_field(kind: st.SearchStrategy[Captured], tmp_path: Path) -> None:
    """The shortest frame on which we do not comes first."""
    made: set[Captured] = set()

    @every
    @given(kind)
    def collect(frame: Captured) -> None:
        made.add(frame)

    collect()
    capture = tmp_path / "frames.pcapng"
    ordered = sorted(made, key=lambda one: (len(one.data), one))
    write(
        capture,
        [InterfaceBlock("client:lan-a")],
        (Record(0, number, one.data, one.original_length) for number, one in enumerate(ordered)),
    )
    assert len(ordered) > COUNT // 10
    assert disagreements(capture)[:20] == []
