"""The state tables: what is not in them raises."""

import pytest

from shared.domain import states
from shared.domain.errors import IllegalTransition


@pytest.mark.parametrize("state", list(states.StepState))
@pytest.mark.parametrize("event", list(states.StepEvent))
def test_a_step_moves_only_by_the_table(state: states.StepState, event: states.StepEvent) -> None:
    if (state, event) in states.STEP:
        assert states.next_step_state(state, event) is states.STEP[state, event]
    else:
        with pytest.raises(IllegalTransition, match=event.name):
            states.next_step_state(state, event)


@pytest.mark.parametrize("state", list(states.ExecutionState))
@pytest.mark.parametrize("event", list(states.ExecutionEvent))
def test_an_execution_moves_only_by_the_table(state: states.ExecutionState, event: states.ExecutionEvent) -> None:
    if (state, event) in states.EXECUTION:
        assert states.next_execution_state(state, event) is states.EXECUTION[state, event]
    else:
        with pytest.raises(IllegalTransition, match=event.name):
            states.next_execution_state(state, event)


def test_nothing_leaves_a_terminal_state() -> None:
    assert not [key for key in states.STEP if key[0] in states.TERMINAL_STEP]
    assert not [key for key in states.EXECUTION if key[0] in states.TERMINAL_EXECUTION]
