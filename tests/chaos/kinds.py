"""What runs while things break, and how each of it must end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from tests.chaos.effects import FLAKY_FAILURES
from tests.factories import Definition, definition, edge, node, random_dag, random_scopes
from tests.interpreter import Interpreter

Outputs = dict[tuple[str, str], Any]
"""By (node, item)."""
MOST_TOKENS = 1_000_000
SLOTS = 2
DOWN, LIMITED, AGAIN = "down", "limits", "again"
DRAWN = "drawn"
"""The output of a step whose result is another one in each attempt: see `tokens_of`."""


@dataclass(frozen=True, slots=True)
class Expected:
    """How an execution must end. `outputs`: what its steps must have left."""

    status: str
    output: Any = None
    outputs: Outputs = field(default_factory=dict)
    code: str | None = None


class Told(NamedTuple):
    """What was sent to a waiting execution, and the status of the answer; None: there was none."""

    what: Any
    status: int | None


@dataclass(frozen=True, slots=True)
class Kind:
    """One workflow. Its input is `{"n": …}`, another number in each execution.

    `act`: what the client does to it then: `cancel`, `decide` its step `ask`, `call` its step `hook`, `retry` it by hand.
    """

    name: str
    share: float
    """How often it is started, in relation to the others; 0: a random graph, all of which are started in turn."""
    definition: Definition
    """`$child` and `$follower` in it stand for the ids of these workflows."""
    expected: Callable[[int], Expected]
    act: str = ""

    @property
    def canceled(self) -> bool:
        """Whether the client cancels it soon."""
        return self.act == "cancel"


def all_kinds(seed: int, graphs: int, url: str) -> list[Kind]:
    """Every kind; `graphs` random graphs and as many nests of scopes, drawn from the seed. `url`: of the outside world."""
    random = Random(f"graphs:{seed}")
    seeds = [random.randrange(1_000_000) for _ in range(2 * graphs)]
    found = []
    for dag, scopes in zip(seeds[:graphs], seeds[graphs:], strict=True):
        found.append(_interpreted(f"graph {dag}", random_dag(dag, 3 + dag % 14)))
        found.append(_interpreted(f"scopes {scopes}", random_scopes(scopes)))
    more = [_calls(url), _flaky(url), _down(url), _waits(), _fails(), _slow(), _parents(), _limited(), _canceled(url)]
    more += [_decided(), _called_back(), _again(url)]
    return found + more


def tokens_of(key: str, attempt: int) -> int:
    """What the node `simulate` draws in that attempt, so that a result tells which attempt it is of."""
    random = Random(f"{key}:{attempt}")
    random.random()
    return random.randint(1, MOST_TOKENS)


def others() -> list[Kind]:
    """What no client starts: a run that follows a failure, a run that a step runs."""
    return [_follower(), _child()]


def _follower() -> Kind:
    """What failures of the kind `down` start."""
    return Kind("follower", 0, definition(node("note")), lambda n: Expected("success", "note"))


def _child() -> Kind:
    """What steps of the kinds `parents` and `cancels` run."""
    source = definition(node("work", "simulate", _work(300)), node("out", params={"output": "{{ input.n }}"}))
    return Kind("child", 0, source, lambda n: Expected("success", n))


def probe() -> Kind:
    """Three quick steps, to see whether everything works."""
    nodes = [node(name, params={"output": "{{ input.n }}"}) for name in ("one", "two", "three")]
    return Kind("probe", 0, definition(*nodes), lambda n: Expected("success", n))


def _interpreted(name: str, source: Definition) -> Kind:
    """Whatever a sequential interpreter makes of it."""
    result = Interpreter(source, {}).run()
    # Where the first arrival counts, which of the others ran is a matter of time; the output is not.
    races = any("join" in each for each in (*source["containers"], *_nodes(source)))
    expected = Expected(result.status, result.output, {} if races else result.outputs)
    return Kind(name, 0, source, lambda n: expected)


def _nodes(source: Definition) -> list[dict[str, Any]]:
    return [each for container in source["containers"] for each in container["nodes"]]


def _call(name: str, url: str, attempts: int = 6) -> dict[str, Any]:
    # Attempts that the network of this machine may need; those of lost workers are counted apart.
    retry = {"maxAttempts": attempts, "initialMs": 50, "maxMs": 400}
    params = {"method": "POST", "url": url + "/{{ input.n }}", "body": {"n": "{{ input.n }}"}}
    return node(name, "http.request", params, retry=retry)


def _calls(url: str) -> Kind:
    """Two calls at the same time, a third one after both."""
    end = node("end", params={"output": "{{ steps.third.output.body.path }}"})
    nodes = [_call(name, f"{url}/ok/{name}") for name in ("first", "second", "third")]
    edges = [edge("first", "third"), edge("second", "third"), edge("third", "end")]
    return Kind("calls", 0.14, definition(*nodes, end, edges=edges), lambda n: Expected("success", f"/ok/third/{n}"))


def _flaky(url: str) -> Kind:
    """The first two calls fail; it goes on after some back-off."""
    end = node("end", params={"output": "{{ steps.flaky.output.body.path }}"})
    source = definition(_call("flaky", f"{url}/flaky", FLAKY_FAILURES + 5), end)
    return Kind("retries", 0.08, source, lambda n: Expected("success", f"/flaky/{n}"))


def _down(url: str) -> Kind:
    """Fails for good after two attempts, and another workflow follows."""
    source = definition(_call("down", f"{url}/down", 2), node("never")) | {"settings": {"onFailure": "$follower"}}
    return Kind(DOWN, 0.05, source, lambda n: Expected("failed", code="HTTP_STATUS"))


def _waits() -> Kind:
    """Two delays at the same time, the longer one shorter than any outage."""
    join = node("join", params={"output": "{{ input.n }}"})
    short, long = (node(f"for{each}", "delay", {"durationMs": each}) for each in (300, 1200))
    source = definition(short, long, join, edges=[edge("for300", "join"), edge("for1200", "join")])
    return Kind("delays", 0.08, source, lambda n: Expected("success", n))


def _fails() -> Kind:
    """A failure stops its siblings: one that runs, one that waits."""
    wrong = node("wrong", "fail", {"code": "WRONG", "message": "as planned"})
    siblings = [node("runs", "simulate", _work(30_000)), node("sleeps", "delay", {"durationMs": 3_600_000})]
    source = definition(
        node("begin"), wrong, *siblings, edges=[edge("begin", each) for each in ("wrong", "runs", "sleeps")]
    )
    return Kind("failures", 0.05, source, lambda n: Expected("failed", code="WRONG"))


def _slow() -> Kind:
    """Steps that take a while, so that faults meet them while they run; they use tokens."""
    nodes = [node(f"work{each}", "simulate", _work(700)) for each in range(3)]
    return Kind("work", 0.08, definition(*nodes), lambda n: Expected("success", DRAWN))


def _run(name: str) -> dict[str, Any]:
    return node(name, "workflow.run", {"workflowId": "$child", "input": {"n": "{{ input.n }}"}})


def _parents() -> Kind:
    """Two runs of another workflow at the same time, and a step that reads both."""
    end = node("end", params={"output": ["{{ steps.run1.output }}", "{{ steps.run2.output }}"]})
    source = definition(_run("run1"), _run("run2"), end, edges=[edge("run1", "end"), edge("run2", "end")])
    return Kind("parents", 0.08, source, lambda n: Expected("success", [n, n]))


def _limited() -> Kind:
    """Wait for one of two slots."""
    source = definition(node("work", "simulate", _work(300))) | {"settings": {"maxConcurrent": SLOTS}}
    return Kind(LIMITED, 0.06, source, lambda n: Expected("success", DRAWN))


def _canceled(url: str) -> Kind:
    """Long enough for a cancel in the middle: work, a wait, a call, a run of another workflow, side by side."""
    nodes = [
        node("start"),
        _run("nested"),
        _call("call", f"{url}/ok/canceled"),
        node("sleep", "delay", {"durationMs": 3_000}),
    ]
    nodes += [node(f"work{each}", "simulate", _work(500)) for each in range(6)]
    edges = [
        edge("start", "nested"),
        edge("start", "call"),
        edge("start", "sleep"),
        edge("call", "work0"),
        edge("sleep", "work3"),
    ]
    edges += [edge(f"work{each}", f"work{each + 1}") for each in (0, 1, 3, 4)]
    source = definition(*nodes, edges=[*edges, edge("work2", "work5")])
    return Kind("cancels", 0.1, source, lambda n: Expected("canceled"), act="cancel")


def _decided() -> Kind:
    """Asks, and returns what was decided."""
    end = node("end", params={"output": "{{ steps.ask.output.decision }}"})
    source = definition(node("ask", "approval", {"message": "Number {{ input.n }}?"}), end)
    return Kind("approvals", 0.05, source, lambda n: Expected("success", DRAWN), act="decide")


def _called_back() -> Kind:
    """Waits for a call, and returns which one it was."""
    end = node("end", params={"output": "{{ steps.hook.output.body.call }}"})
    source = definition(node("hook", "wait.callback"), end)
    return Kind("callbacks", 0.05, source, lambda n: Expected("success", DRAWN), act="call")


def _again(url: str) -> Kind:
    """Fails behind a step that succeeded; what it calls works for the retry."""
    kept, end = node("kept", "simulate", _work(100)), node("end", params={"output": "{{ steps.kept.output }}"})
    source = definition(kept, _call("again", f"{url}/again", 2), end)
    return Kind(AGAIN, 0.05, source, lambda n: Expected("failed", code="HTTP_STATUS"), act="retry")


def retried() -> Kind:
    """The retry of a run of the kind `again`."""
    return Kind("retried", 0, {}, lambda n: Expected("success", DRAWN))


def _work(duration_ms: int) -> dict[str, Any]:
    return {"durationMs": duration_ms, "failureRate": 0, "tokensMin": 1, "tokensMax": MOST_TOKENS}
