from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from podium.records import ALIASES
from podium.registry.aliases import Holder, Move, State, plan

holders = st.builds(Holder, st.sampled_from(["EURUSD_A", "EURUSD_B", "EURUSD_C"]), st.integers(1, 3))


def apply(state: State, move: Move) -> dict[str, frozenset[Holder]]:
    """The state after one write, as MLflow performs it."""
    held = {alias: set(holders) for alias, holders in state.items()}
    # Both acts take the alias off whichever version of that model has it; `set` then puts it on one.
    others = {holder for holder in held.get(move.alias, set()) if holder.name != move.holder.name}
    held[move.alias] = others | ({move.holder} if move.act == "set" else set())
    return {alias: frozenset(holders) for alias, holders in held.items() if holders}


@st.composite
def states(draw) -> dict[str, frozenset[Holder]]:
    """Any state that MLflow allows: within one registered model an alias points at one version."""
    aliases = (*ALIASES, "canary")
    state = {alias: {holder.name: holder for holder in draw(st.lists(holders, max_size=3))} for alias in aliases}
    return {alias: frozenset(held.values()) for alias, held in state.items() if held}


@st.composite
def goals(draw) -> dict[str, Holder]:
    """One to three aliases, each for a version of another model, the champion always among them."""
    winners = draw(st.lists(holders, min_size=1, max_size=3, unique_by=lambda holder: holder.name))
    return dict(zip(ALIASES, winners, strict=False))


@given(states(), goals())
@settings(max_examples=300)
def test_the_plan_ends_exclusive_and_spares_other_aliases(state, goal):
    """From any state, every alias ends with its one holder, Podium's others with none, a team's own as they were."""
    after = state
    for move in plan(state, goal):
        after = apply(after, move)
    assert {alias: held for alias, held in after.items() if alias in ALIASES} == {
        alias: frozenset({holder}) for alias, holder in goal.items()
    }
    assert after.get("canary") == state.get("canary")
    assert plan(after, goal) == []


@given(states(), goals())
@settings(max_examples=300)
def test_a_champion_leads_after_every_move(state, goal):
    """Once there is a champion, there is one at every instant of the plan."""
    now = state
    for move in plan(state, goal):
        had = bool(now.get("champion"))
        now = apply(now, move)
        assert now.get("champion") or not had


@given(states(), goals(), st.integers(0, 12))
@settings(max_examples=300)
def test_a_plan_cut_short_is_completed_by_the_next(state, goal, n_done):
    """Killed after any number of moves, a new plan from what is there ends the same."""
    for move in plan(state, goal)[:n_done]:
        state = apply(state, move)
    for move in plan(state, goal):
        state = apply(state, move)
    assert plan(state, goal) == []
