"""The command as a whole: a page, a cleaned list that says why, nothing replaced and no picture touched."""

from __future__ import annotations

import csv
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from contract.errors import ConfigError, DataError
from tests.conftest import edgeferry
from tests.trainer.checks.seen_pictures import photo
from tests.trainer.drawn_pictures import draw, write
from trainer.dataset_check import dataset_check


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Twelve photographs of each class in train, four in test, and something wrong with some."""
    root = tmp_path / "<pictures>"
    for split, count in (("train", 12), ("test", 4)):
        for number, label in enumerate(("cat", "dog")):
            (root / split / label).mkdir(parents=True)
            for seed in range(count):
                write(root / split / label / f"{seed}.png", photo(1000 * number + 100 * len(split) + seed))
    shutil.copy(root / "test/cat/0.png", root / "train/cat/copy of test.png")
    shutil.copy(root / "train/dog/1.png", root / "train/dog/copy.png")
    shutil.copy(root / "train/dog/2.png", root / "train/cat/other label.png")
    (root / "train/dog/broken.png").write_bytes(b"no picture")
    return root


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_cleaned_list_holds_what_is_kept_and_the_other_one_why_not(pictures: Path, tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in pictures.rglob("*.png")}
    (tmp_path / "lists").mkdir()
    checked, written = dataset_check(str(pictures), fix=tmp_path / "lists" / "cleaned.csv")
    assert not checked.ok
    assert sorted(file.name for file in written) == ["cleaned.csv", "cleaned.dropped.csv"]
    dropped = {Path(row["path"]).name: row["why"] for row in rows(tmp_path / "lists" / "cleaned.dropped.csv")}
    assert dropped == {
        "copy of test.png": "equal to test/cat/0.png",
        "copy.png": "equal to train/dog/1.png",
        "2.png": "equal pictures under different labels: train/cat/other label.png = train/dog/2.png",
        "other label.png": "equal pictures under different labels: train/cat/other label.png = train/dog/2.png",
        "broken.png": "cannot be read: this is no picture: it begins with b'no pictu'",
    }
    kept = rows(tmp_path / "lists" / "cleaned.csv")
    assert list(kept[0]) == ["path", "label", "split", "group"]
    assert len(kept) == 12 + 11 + 8
    assert all((tmp_path / "lists" / row["path"]).is_file() for row in kept)
    assert {(row["label"], row["split"]) for row in kept} == {(a, b) for a in ("cat", "dog") for b in ("train", "test")}
    assert before == {file: file.read_bytes() for file in pictures.rglob("*.png")}


def test_no_file_is_replaced_unasked_nor_half_written(pictures: Path, tmp_path: Path) -> None:
    page, cleaned = tmp_path / "page.html", tmp_path / "cleaned.csv"
    cleaned.write_text("mine")
    with pytest.raises(ConfigError, match="there is a file already"):
        dataset_check(str(pictures), report=page, fix=cleaned)
    (tmp_path / "other.dropped.csv").write_text("mine as well")
    with pytest.raises(ConfigError, match="there is a file already"):
        dataset_check(str(pictures), fix=tmp_path / "other.csv")
    with pytest.raises(ConfigError, match="no such folder"):
        dataset_check(str(pictures), report=tmp_path / "nowhere" / "page.html")
    with pytest.raises(ConfigError, match="Add --fix"):
        dataset_check(str(pictures), relabel=True)
    with pytest.raises(DataError, match="no files"):
        dataset_check("digits", fix=tmp_path / "digits.csv")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["<pictures>", "cleaned.csv", "other.dropped.csv"]
    assert cleaned.read_text() == "mine"
    dataset_check(str(pictures), report=page, fix=cleaned, force=True)
    assert cleaned.read_text().startswith("path,label,split,group\n")


def test_spellings_become_one_with_relabel_alone(tmp_path: Path) -> None:
    root = draw(tmp_path / "pictures", {"cat": 12, "Cat": 3, "dog": 12})
    dataset_check(str(root), fix=tmp_path / "a.csv")
    dataset_check(str(root), fix=tmp_path / "b.csv", relabel=True)
    assert {row["label"] for row in rows(tmp_path / "a.csv")} == {"cat", "Cat", "dog"}
    assert {row["label"] for row in rows(tmp_path / "b.csv")} == {"cat", "dog"}


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_shows_pictures_and_loads_nothing(pictures: Path, tmp_path: Path) -> None:
    dataset_check(str(pictures), report=tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    page = _Page(text)
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
    sources = [str(attributes["src"]) for _, attributes in page.tags if "src" in attributes]
    assert len(sources) == 6  # three pairs of equal pictures; the broken one cannot be shown
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    targets = {str(attributes["href"])[1:] for tag, attributes in page.tags if tag == "a"}
    assert targets == {attributes["id"] for tag, attributes in page.tags if tag == "h2" and "id" in attributes}
    assert "&lt;pictures&gt;" in text
    assert "<pictures>" not in text
    assert "http" not in text


def test_the_command_writes_and_ends_with_four(pictures: Path, tmp_path: Path) -> None:
    options = ("--report", tmp_path / "page.html", "--fix", tmp_path / "cleaned.csv")
    done = edgeferry("dataset", "check", pictures, *options, check=False)
    assert done.returncode == 4
    assert f"written: {tmp_path / 'cleaned.csv'}" in done.stdout
    found = json.loads(edgeferry("dataset", "check", pictures, "--json", check=False).stdout)["findings"]
    across = next(finding for finding in found if finding["kind"] == "duplicates-across-splits")
    assert across["pictures"] == [["test/cat/0.png", "train/cat/copy of test.png"]]
    again = edgeferry("dataset", "check", pictures, *options, check=False)
    assert again.returncode == 2
    assert "--force" in again.stderr
