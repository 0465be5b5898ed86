"""A small run trained on: what is added, what stays, what is refused, and what is left when it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from contract.errors import ConfigError, DataError, FerryError, ModelError
from tests.trainer.drawn_pictures import draw
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.cli import train
from trainer.learning.checkpoints import place_of
from trainer.progress import OnEpoch, Silent
from trainer.retraining.class_pictures import CLASS_PICTURES
from trainer.retraining.old_data import dataset_record, old_data, remembered_data
from trainer.retraining.retrain import retrain
from trainer.retraining.wish import Wish
from trainer.run_folder import open_run

TINY = """
name = "tiny"
seed = 3
[preprocessing]
size_wh = [16, 16]
[training]
epochs = 8
[network]
width = 0.5
[augmentation]
flip = true
"""

pytestmark = WITH_TENSORFLOW


def called(*arguments: str | Path) -> tuple[int, str]:
    """`edgeferry train` in this process, where TensorFlow is already: exit code, and the answer or the message."""
    done = CliRunner().invoke(train, [*map(str, arguments)])
    if isinstance(done.exception, FerryError):
        return done.exception.exit_code, str(done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def base(tensorflow: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001  prepares TensorFlow
    """A run on 80 drawn pictures, which lie beside it."""
    root = tmp_path_factory.mktemp("retraining")
    draw(root / "old", {"cat": 40, "dog": 40}, seed=1)
    (root / "train.toml").write_text(TINY)
    (root / "wide.toml").write_text("[network]\nwidth = 2.0\n")
    called(root / "old", "--config", root / "train.toml", "--out", root / "base", "--quiet")
    return root / "base"


@pytest.fixture(scope="module")
def trained_on(base: Path) -> Path:
    """That run with more pictures, some of a class it did not know; drawn kinds take their colours by name."""
    root = base.parent
    draw(root / "more", {"cat": 10, "dog": 10, "eel": 30}, seed=2)
    code, said = called("--base", base, "--add", root / "more", "--epochs", "20", "--out", root / "next", "--quiet")
    assert code == 0, said
    return root / "next"


def test_the_old_test_pictures_are_the_very_ones_and_the_lineage_names_the_base(base: Path, trained_on: Path) -> None:
    before, record = open_run(base), dataset_record(open_run(trained_on))
    assert record.base is not None
    assert (record.base.weights, record.base.warm) == (before.metrics.weights, True)
    assert record.base.test == before.dataset.splits["test"].digest
    (added,) = record.added
    assert (added.pictures, record.labels) == (50, ("cat", "dog", "eel"))
    whole = old_data(
        open_run(trained_on), None, CLASS_PICTURES
    )  # the base's data and the added folder, put together again
    assert whole.record.digest == record.digest
    assert whole.splits["test"].names[:16] == old_data(before, None, CLASS_PICTURES).splits["test"].names


def test_both_models_are_compared_on_both_test_sets(trained_on: Path) -> None:
    found = json.loads((trained_on / "comparison.json").read_bytes())
    assert found["verdict"] == "accepted"
    assert [(one["name"], one["whole"]["pictures"]) for one in found["sets"]] == [("old", 16), ("new", 10)]
    names = [part["name"] for part in found["sets"][1]["parts"]]
    assert names == ["all", "class cat", "class dog", "class eel"]
    eels = found["sets"][1]["parts"][3]
    assert (eels["before"], eels["won"] > 0) == (0.0, True)
    assert any("eel" in note for note in found["notes"])
    assert "## Compared with" in (trained_on / "card.md").read_text()
    assert "Compared with" in (trained_on / "report.html").read_text()


def test_a_model_that_is_worse_is_refused_and_left_only_if_asked_for(base: Path, tmp_path: Path) -> None:
    """Somebody labelled every cat a dog and the other way round: that cannot be kept apart from what is known."""
    draw(tmp_path / "drawn", {"cat": 60, "dog": 60}, seed=5)
    (tmp_path / "wrong").mkdir()
    (tmp_path / "drawn" / "cat").rename(tmp_path / "wrong" / "dog")
    (tmp_path / "drawn" / "dog").rename(tmp_path / "wrong" / "cat")
    (tmp_path / "fast.toml").write_text(
        "[retraining]\nlearning_rate = 0.01\nepochs = 8\n[training]\ncheckpoint_seconds = 0.01\n"
    )
    command = ("--base", base, "--add", tmp_path / "wrong", "--config", tmp_path / "fast.toml", "--out")
    code, said = called(*command, tmp_path / "next", "--keep-refused", "--json")
    told = json.loads(said)
    assert (code, told["verdict"]) == (ModelError.exit_code, "refused")
    assert "on the old test set fell from" in told["reasons"][0]
    assert json.loads((tmp_path / "next" / "comparison.json").read_bytes())["verdict"] == "refused"
    code, said = called(*command, tmp_path / "other", "--without-old-data", "--quiet")
    assert code == ModelError.exit_code
    assert "worse than its base: " in said
    assert not (tmp_path / "other").exists()
    assert not place_of(tmp_path / "other").exists()


class _StoppedError(Exception):
    """Somebody ended it."""


class _Stopping(Silent):
    """Ends a training after its third epoch."""

    def epochs(self, total: int) -> OnEpoch:
        """As it says."""

        def after(epoch: int, _logs: object) -> None:
            if epoch == 3:
                raise _StoppedError

        return after


@pytest.mark.filterwarnings("ignore")  # mlflow's own, about its stores
def test_an_interrupted_one_goes_on_to_the_same_weights_and_is_written_to_mlflow(base: Path, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    (tmp_path / "often.toml").write_text("[retraining]\nepochs = 5\n[training]\ncheckpoint_seconds = 0.01\n")
    more = str(draw(tmp_path / "more", {"cat": 15, "dog": 15}, seed=2))
    wish, out = Wish(base=base, add=(more,), config=tmp_path / "often.toml"), tmp_path / "next"
    store = (tmp_path / "store").as_uri()
    whole = retrain(wish, tmp_path / "whole", force=False, progress=Silent(), mlflow=store)
    with pytest.raises(_StoppedError):
        retrain(wish, out, force=False, progress=_Stopping())
    with pytest.raises(ConfigError, match=r"was interrupted in epoch \d of 5"):
        retrain(wish, out, force=False, progress=Silent())
    with pytest.raises(ConfigError, match="another base, or with other options"):
        retrain(replace(wish, without_old_data=True), out, force=False, progress=Silent(), interrupted="resume")
    resumed = retrain(wish, out, force=False, progress=Silent(), interrupted="resume")
    assert resumed.record.metrics.weights == whole.record.metrics.weights
    assert not place_of(out).exists()
    client = mlflow.MlflowClient(tracking_uri=store)
    (written,) = client.search_runs([client.get_experiment_by_name("edgeferry").experiment_id])
    assert written.data.tags["weights"] == whole.record.metrics.weights


def test_data_that_is_gone_or_changed_is_one_sentence(base: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="are gone"):
        old_data(open_run(base), str(tmp_path / "nowhere"), CLASS_PICTURES)
    (tmp_path / "only" / "cat").mkdir(parents=True)
    with pytest.raises(DataError, match="no longer has the class"):
        old_data(open_run(base), str(draw(tmp_path / "only", {"cat": 3})), CLASS_PICTURES)
    with pytest.raises(DataError, match=r"not those .* train, validation, test differ"):
        old_data(open_run(base), str(draw(tmp_path / "other", {"cat": 40, "dog": 40}, seed=9)), CLASS_PICTURES)


def test_what_a_run_keeps_of_its_pictures_stands_in_for_them(base: Path) -> None:
    kept = remembered_data(open_run(base), CLASS_PICTURES)
    assert {name: len(pictures) for name, pictures in kept.splits.items()} == {
        "train": 58, "validation": 0, "test": 16,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ((), 2, "name the pictures in PATH"),
        (("--base", "{base}"), 2, "--add"),
        (("--add", "x"), 2, "--base"),
        (("--base", "{base}", "--add", "nowhere"), 4, "no such folder"),
        (("--base", "{base}", "--add", "x", "--download"), 2, "--base says already what --download would"),
        (("--base", "{base}", "--add", "x", "--config", "{base}/../wide.toml"), 2, "'network' follows from the base"),
    ],
)
def test_what_cannot_be_done_is_one_message(
    base: Path, tmp_path: Path, options: tuple[str, ...], code: int, said: str
) -> None:
    found, told = called(*(one.format(base=base) for one in options), "--out", tmp_path / "run")
    assert found == code
    assert said in told
    assert not (tmp_path / "run").exists()
