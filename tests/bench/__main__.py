"""`make bench`: P1 and P2, ours and raw Dramatiq in turn on the same servers; medians, ratio, JSON in build/bench/."""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

import orjson

from shared.publisher import make_publisher
from tests.bench.loads import Ours, Raw, processes
from tests.bench.servers import Urls, servers


def measure(urls: Urls, rounds: int, chains: int, length: int) -> dict[str, list[float]]:
    """Steps per second of each round, for both loads and both systems; the first round is a warm-up."""
    rates: dict[str, list[float]] = {"raw P1": [], "ours P1": [], "raw P2": [], "ours P2": []}
    publisher = make_publisher(urls.broker)
    for number in range(rounds + 1):
        with processes("tests.bench.raw_worker", urls, pipe=True) as workers:
            raw = Raw(urls, workers)
            raw.run(20, 20)
            measured = {"raw P1": chains * 20 / raw.run(chains, 20), "raw P2": length / raw.run(1, length)}
        with processes("services.worker", urls, pipe=False):
            ours = Ours(urls, publisher)
            ours.run(20, 20)
            ours.run(2, length)
            measured |= {"ours P1": chains * 20 / ours.run(chains, 20), "ours P2": length / ours.run(1, length)}
            ours.close()
        for name, rate in measured.items():
            if number:
                rates[name].append(rate)
        sys.stdout.write(f"round {number}: " + "  ".join(f"{k} {v:,.0f}/s" for k, v in measured.items()) + "\n")
        sys.stdout.flush()
    publisher.close()
    return rates


def report(rates: dict[str, list[float]]) -> dict[str, object]:
    """Medians, the ratios round by round, and the quickest round: what other guests of the machine take from it is not ours."""
    medians = {name: statistics.median(values) for name, values in rates.items()}
    ratios = [ours / raw for ours, raw in zip(rates["ours P1"], rates["raw P1"], strict=True)]
    return {
        "at": int(time.time() * 1000),
        "cpus": os.cpu_count(),
        "rates": rates,
        "medians": medians,
        "P1 ratio": statistics.median(ratios),
        "P2 ms per step": 1000 / medians["ours P2"],
        "P2 ms per step, quickest": 1000 / max(rates["ours P2"]),
        "P2 raw ms per step": 1000 / medians["raw P2"],
        "P2 ratio": statistics.median(raw / ours for ours, raw in zip(rates["ours P2"], rates["raw P2"], strict=True)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chains", type=int, default=200)
    parser.add_argument("--length", type=int, default=200)
    arguments = parser.parse_args()
    with servers() as urls:
        result = report(measure(urls, arguments.rounds, arguments.chains, arguments.length))
    folder = Path("build/bench")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "steps.json").write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2))
    medians = result["medians"]
    assert isinstance(medians, dict)
    sys.stdout.write(
        f"\n{'load':<34}{'raw Dramatiq':>14}{'Flowversal':>14}{'':>4}target\n"
        f"{'P1 steps/s, many chains of 20':<34}{medians['raw P1']:>14,.0f}{medians['ours P1']:>14,.0f}"
        f"    ratio {result['P1 ratio']:.2f}, wanted ≥ 0.5\n"
        f"{'P2 ms/step, one long chain':<34}{result['P2 raw ms per step']:>14.2f}{result['P2 ms per step']:>14.2f}"
        f"    wanted ≤ 4 ms; quickest round {result['P2 ms per step, quickest']:.2f}, ratio {result['P2 ratio']:.1f}\n"
    )


if __name__ == "__main__":
    main()
