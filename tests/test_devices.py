"""Fits of several processes: each has devices, rows and a pace of its own."""

import pathlib
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).parent.parent
PROGRAM = """
import sys
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
