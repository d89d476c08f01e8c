"""Fits of several processes: each has devices, rows and a pace of its own."""

import os
import pathlib
import socket
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PROGRAM = """
import sys

import pytest
import jax
import numpy as np
from wsjax.fit import over_instances

port, process = sys.argv[1], int(sys.argv[2])
jax.config.update("jax_num_cpu_devices", 1 + process)
jax.distributed.initialize(f"localhost:{port}", 2, process)
assert (jax.device_count(), jax.local_device_count()) == (3, 1 + process)
double = over_instances(lambda shared, x: shared * x, chunk=1)
for n in range(1, 3 + 2 * process):  # One process calls more often than the other.
    found = double(np.float32(2), np.arange(n, dtype=np.float32))
    np.testing.assert_array_equal(found, 2 * np.arange(n))
print("done", n)
"""


def free_port():
    with socket.socket() as server:
        server.bind(("localhost", 0))
        return str(server.getsockname()[1])


def test_processes_need_neither_keep_step_nor_have_as_many_devices():
    port = free_port()
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, port, str(process)],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for process in (0, 1)
    ]
    try:
        found = [process.communicate(timeout=60) for process in started]
    finally:
        for process in started:
            process.kill()
    assert [out for out, _ in found] == ["done 2\n", "done 4\n"], found


COUNTED = """
import jax
import numpy as np
from wsjax.fit import over_instances

devices = jax.local_device_count()
computed, busy = [], []

def doubled(shared, x):
    jax.debug.callback(lambda x: computed.append(float(x)), x)
    jax.debug.callback(lambda i: busy.append(int(i)), jax.lax.axis_index("devices"))
    return shared * x

for chunk, group in ((1, 10), (3, None), (3, 64), (64, None), (64, 10), (64, 64)):
    lifted = over_instances(doubled, chunk=chunk, group=group)
    for n in (1, 64, 130):
        rows = np.arange(1, 1 + n, dtype=np.float32)
        found = lifted(np.float32(2), rows)
        jax.effects_barrier()
        np.testing.assert_array_equal(found, 2 * rows)
        assert set(computed) == set(rows)
        beyond = len(computed) - n
        assert 0 <= beyond < chunk, (chunk, group, n, beyond)
        if n == 64 and group in (None, 64):  # One group, and work for everyone in it.
            assert set(busy) == set(range(devices)), (chunk, group, busy)
        computed.clear(), busy.clear()
print("devices", devices)
"""


@pytest.mark.parametrize("devices", [1, 4, 8])
def test_no_more_is_computed_than_fills_the_last_chunk(devices):
    """Whatever the chunk, the group, the rows and the devices are."""
    found = subprocess.run(
        [sys.executable, "-c", COUNTED],
        cwd=ROOT,
        env={**os.environ, "JAX_NUM_CPU_DEVICES": str(devices)},
        text=True,
        capture_output=True,
    )
    assert found.stdout == f"devices {devices}\n", found.stderr
