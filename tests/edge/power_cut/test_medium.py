"""The model of the medium: what it must forget, what it must not, and that it agrees with a real folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.power_cut.medium import MOST_NAMES, Medium, states_during
from tests.edge.power_cut.memory import folder_in_memory
from tests.edge.power_cut.verbs import (
    Append,
    FailedSync,
    MakeFolder,
    Remove,
    RemoveFolder,
    Rename,
    Sync,
    Tree,
    Truncate,
    Verb,
    Write,
    carry_out,
    read_tree,
    write_tree,
)

OLD, NEW = b"the old words", b"and the new ones"
ROOT = Sync(".")


def states(before: Tree, *verbs: Verb) -> list[Tree]:
    """What a power cut after the last verb may leave."""
    return list(Medium(before).after(verbs).states())


def found(before: Tree, *verbs: Verb, path: str = "a") -> set[bytes | str | None]:
    """What `path` may hold then."""
    return {tree.get(path, "absent") for tree in states(before, *verbs)}


def replace_file(data: bytes, path: str = "a") -> tuple[Verb, ...]:
    beside = path + ".new"
    return Write(beside, data), Sync(beside), Rename(beside, path), ROOT


def test_a_synced_file_without_its_folders_sync_may_have_no_name() -> None:
    assert found({}, Write("a", NEW), Sync("a")) == {NEW, "absent"}
    assert found({}, Write("a", NEW), Sync("a"), ROOT) == {NEW}


def test_a_name_without_its_files_sync_may_hold_anything_of_the_right_length() -> None:
    contents = found({}, Write("a", NEW), ROOT)
    assert {b"", NEW, NEW[:1], bytes(len(NEW)), NEW[:8] + bytes(8), bytes(8) + NEW[8:]} <= contents
    assert "absent" not in contents


def test_a_replacement_is_the_old_or_the_new_file_at_every_moment() -> None:
    seen = {tree.get("a") for _, tree in states_during(Medium({"a": OLD}), replace_file(NEW))}
    assert seen == {OLD, NEW}
    assert found({"a": OLD}, *replace_file(NEW)) == {NEW}


def test_a_replacement_without_fsync_may_leave_an_empty_file() -> None:
    assert b"" in found({"a": OLD}, Write("a.new", NEW), Rename("a.new", "a"), ROOT)


def test_a_write_over_a_file_may_lose_both_contents() -> None:
    assert {OLD, NEW, b""} <= found({"a": OLD}, Write("a", NEW))


def test_an_append_leaves_the_synced_beginning_alone() -> None:
    contents = found({"a": OLD}, Append("a", NEW))
    assert {OLD, OLD + NEW, OLD + NEW[:8], OLD + bytes(len(NEW))} <= contents
    assert all(isinstance(content, bytes) and content.startswith(OLD) for content in contents)


def test_a_truncation_may_not_have_happened_and_loses_nothing_before_its_end() -> None:
    assert found({"a": OLD}, Truncate("a", 3)) == {OLD, OLD[:3]}
    assert found({"a": OLD}, Truncate("a", 3), Sync("a")) == {OLD[:3]}


def test_what_a_failed_sync_lost_stays_lost_until_it_is_written_anew() -> None:
    assert b"" in found({}, Write("a", NEW), FailedSync("a"), Sync("a"), ROOT)
    assert found({}, Write("a", NEW), FailedSync("a"), Write("a", NEW), Sync("a"), ROOT) == {NEW}
    assert found({"a": OLD}, Append("a", NEW), FailedSync("a"), Truncate("a", len(OLD)), Sync("a")) == {OLD}
    assert found({"a": OLD}, FailedSync("a"), Append("a", NEW), Sync("a")) == {OLD + NEW}


def test_names_are_kept_or_lost_each_on_its_own() -> None:
    made = [Write("a", b""), Write("b", b""), Write("c", b"")]
    assert {frozenset(tree) for tree in states({}, *made)} == {
        frozenset(part) for part in ("", "a", "b", "c", "ab", "ac", "bc", "abc")
    }


def test_of_many_names_each_may_be_the_only_one_or_the_only_one_missing() -> None:
    names = [str(number) for number in range(MOST_NAMES + 1)]
    seen = {frozenset(tree) for tree in states({}, *(Write(name, b"") for name in names))}
    every = frozenset(names)
    assert {frozenset(), every} | {frozenset({name}) for name in names} | {every - {name} for name in names} <= seen


def test_a_renamed_folder_takes_along_what_was_synced_in_it() -> None:
    made = [MakeFolder("f"), Write("f/a", NEW), Sync("f/a")]
    assert found({}, *made, Rename("f", "g"), ROOT, path="g/a") == {NEW, "absent"}
    assert found({}, *made, Sync("f"), Rename("f", "g"), ROOT, path="g/a") == {NEW}
    assert found({}, *made, Sync("f"), Rename("f", "g"), path="g/a") == {NEW, "absent"}


def test_nothing_is_ever_found_under_two_names() -> None:
    verbs = [Write("a", NEW), Sync("a"), Rename("a", "b"), Rename("b", "c")]
    assert all(len(tree) <= 1 for _, tree in states_during(Medium({}), verbs))


def test_a_removed_file_may_come_back() -> None:
    assert found({"a": OLD}, Remove("a")) == {OLD, "absent"}
    assert found({"a": OLD}, Remove("a"), ROOT) == {"absent"}


def test_a_rename_from_one_folder_to_another_is_not_modelled() -> None:
    with pytest.raises(ValueError, match="another folder"):
        states({"f": None, "a": OLD}, Rename("a", "f/a"))


Steps = Sequence[tuple[int, int, int, bytes]]
NAMES = ("a", "b", "f/a", "f/g/b", "f", "f/g")
step = st.tuples(st.integers(0, 7), st.sampled_from(range(6)), st.sampled_from(range(6)), st.binary(max_size=5))


def verb_of(kind: int, path: str, other: str, data: bytes) -> Verb:
    made: tuple[Verb, ...] = (
        Write(path, data),
        Append(path, data),
        Truncate(path, len(data)),
        MakeFolder(path),
        Remove(path),
        RemoveFolder(path),
        Rename(path, other),
        Sync(path),
    )
    return made[kind]


def possible(steps: Steps, root: Path) -> list[Verb]:
    """Those of the steps that the system carries out in a real folder, and the model covers."""
    done = []
    for kind, first, second, data in steps:
        verb = verb_of(kind, NAMES[first], NAMES[second], data)
        if isinstance(verb, Rename) and (Path(verb.path).parent != Path(verb.target).parent):
            continue
        if isinstance(verb, Truncate) and not (root / verb.path).is_file():
            continue
        if isinstance(verb, Truncate) and (root / verb.path).stat().st_size < verb.size_bytes:
            continue
        try:
            carry_out(verb, root)
        except OSError:
            continue
        done.append(verb)
    return done


@settings(deadline=None)
@given(st.lists(step, max_size=25))
def test_with_everything_kept_the_model_is_the_real_folder(steps: Steps) -> None:
    before: Tree = {"a": OLD, "f": None, "f/a": NEW}
    with folder_in_memory() as place:
        root = place / "root"
        write_tree(before, root)
        assert Medium(before).after(possible(steps, root)).tree() == read_tree(root)


@settings(deadline=None)
@given(st.lists(step, max_size=12))
def test_what_was_there_and_what_is_there_are_always_among_the_states(steps: Steps) -> None:
    before: Tree = {"a": OLD, "f": None, "f/a": NEW}
    with folder_in_memory() as place:
        root = place / "root"
        write_tree(before, root)
        verbs = [verb for verb in possible(steps, root) if not isinstance(verb, Sync)]
        left = states(before, *verbs)
        assert before in left
        assert read_tree(root) in left


@settings(deadline=None)
@given(st.lists(step, max_size=12))
def test_after_syncing_everything_one_state_is_left(steps: Steps) -> None:
    before: Tree = {"a": OLD, "f": None, "f/a": NEW}
    with folder_in_memory() as place:
        root = place / "root"
        write_tree(before, root)
        verbs = possible(steps, root)
        everything = read_tree(root)
        left = states(before, *verbs, *(Sync(path) for path in everything), ROOT)
        assert all(tree == everything for tree in left)
        assert left
