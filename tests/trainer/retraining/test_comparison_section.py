"""Card and report say what the new model lost, and names in them are text."""

from __future__ import annotations

from tests.html_balance import Balance
from tests.trainer.records import DIGEST, HOSTILE
from tests.trainer.retraining.test_answers_compared import answered
from trainer.retraining.answers_compared import AnswersCompared, answers_compared, answers_rule
from trainer.retraining.comparison_section import as_html, as_markdown
from trainer.retraining.replacement import Replacement, verdict_of
from trainer.retraining.settings import Retraining


def replacement() -> Replacement[AnswersCompared]:
    limits = Retraining()
    sets = (answers_compared(answered(100, 9, 1), (HOSTILE, "dog"), limits),)
    verdict, reasons, doubts = verdict_of(sets)
    return Replacement(
        base=HOSTILE, base_weights=DIGEST, weights=DIGEST, sets=sets, rule=answers_rule(limits), verdict=verdict,
        reasons=reasons, doubts=doubts, notes=("of one group",),
    )  # fmt: skip


def test_the_card_has_a_row_a_part_and_the_rule() -> None:
    text = "\n".join(as_markdown(replacement()))
    assert "| all | 100 | 99.0% | 91.0% | 9 | 1 | refused |" in text
    assert "accuracy 99.00% before, 91.00% after, difference -8.00%" in text
    assert "Verdict: **refused**" in text
    assert "more than 2.0% of them" in text
    assert "- Note: of one group" in text


def test_the_report_is_well_formed_whatever_a_class_is_called() -> None:
    text = as_html(replacement())
    page = Balance()
    page.feed(text)
    assert page.open == []
    assert "script" not in page.seen
    assert "&lt;script&gt;" in text


def test_a_run_without_a_base_has_no_section() -> None:
    assert list(as_markdown(None)) == []
    assert as_html(None) == ""
