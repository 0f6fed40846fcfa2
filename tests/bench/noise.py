"""A node type that does nothing but log. The product finds it as it finds those of others: as an entry point."""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from shared.nodes.base import Context, Done, NodeType, Params
from shared.nodes.catalogue import ENTRY_POINTS

ROOT = Path(__file__).parents[2]
TICK_S = 0.05


class NoiseParams(Params):
    """How much, for how long."""

    per_s: int = Field(description="Lines a second.", ge=1)
    lines: int = Field(description="Lines in all.", ge=1)


class Noise(NodeType):
    """Logs at a steady rate, in small bursts."""

    type = "bench.noise"
    label = "Noise"
    help = "Write log lines at a steady rate."
    params = NoiseParams
    example: ClassVar[dict[str, Any]] = {"perS": 20, "lines": 1}

    async def run(self, ctx: Context, params: NoiseParams) -> Done:
        """All lines are handed over when it returns."""
        began, done = time.monotonic(), 0
        while done < params.lines:
            await asyncio.sleep(TICK_S)
            due = min(params.lines, round(params.per_s * (time.monotonic() - began)))
            for number in range(done, due):
                ctx.log("info", f"order {number} was read, checked and handed over to the next", order=number)
            done = max(done, due)
        return Done(done)


@contextmanager
def installed() -> Iterator[dict[str, str]]:
    """The environment of processes that know the node type, as if a distribution with it were installed."""
    with tempfile.TemporaryDirectory(prefix="flowversal-bench-nodes-") as text:
        folder = Path(text, "flowversal_bench-1.dist-info")
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: flowversal-bench\nVersion: 1\n")
        (folder / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\nnoise = {__name__}:{Noise.__name__}\n")
        yield {"PYTHONPATH": os.pathsep.join([str(ROOT), text])}
