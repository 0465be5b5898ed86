"""XML from strangers can neither grow nor fetch."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import DataError
from trainer.formats.safe_xml import read_xml

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "text",
    [
        f'<!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]><a>&l9;</a>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd"><a/>',
        '<?xml version="1.0"?>\n<!DOCTYPE a><a/>',
    ],
)
def test_a_document_type_is_refused_before_anything_in_it_counts(text: str, tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    file.write_text(text)
    with pytest.raises(DataError, match="document type"):
        read_xml(file)


def test_an_entity_nobody_declared_is_no_xml(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<a>\n&x;</a>")
    with pytest.raises(DataError, match="undefined entity") as refused:
        read_xml(tmp_path / "a.xml")
    assert refused.value.where.endswith("a.xml:2")


def test_elements_keep_their_text_and_line(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<a>\n<b> one &amp; two </b>\n<b><![CDATA[<3]]></b></a>")
    node = read_xml(tmp_path / "a.xml")
    assert [(child.text, child.line) for child in node.all("b")] == [(" one & two ", 2), ("<3", 3)]
    assert (node.said("b"), node.said("c")) == ("one & two", "")


def test_deep_nesting_and_a_huge_file_end_in_one_sentence_or_a_tree(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<a>" * 50_000 + "</a>" * 50_000)
    assert read_xml(tmp_path / "a.xml").tag == "a"
    (tmp_path / "b.xml").write_bytes(b"<a>" + b" " * (1 << 24) + b"</a>")
    with pytest.raises(DataError, match="16,777,223 bytes"):
        read_xml(tmp_path / "b.xml")
