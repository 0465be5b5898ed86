"""`mlbom.cdx.json`: a CycloneDX 1.6 bill of materials of the model, filled from what was measured and nothing else.

cyclonedx-python-lib 11 writes software bills but has no model card (its `Component` leaves the property out), so the
document is made here after the schema (https://cyclonedx.org/docs/1.6/json/) and the tests let that library's strict
validator read it. Bytes follow from the run alone: the serial number from the digest of the weights, no time but
SOURCE_DATE_EPOCH's, no durations. A field nobody has evidence for is there and empty, and its name stands in the
property `edgeferry:not-stated`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from contract.intervals import share_interval
from contract.run import ClassScores, DetectionScores, Scores, Split
from trainer.detection.record import AnyRecord, DetectorRecord
from trainer.retraining.answers_compared import AnswersCompared
from trainer.retraining.boxes_compared import BoxesCompared
from trainer.retraining.replacement import Replacement

Json = dict[str, Any]
SPEC = "1.6"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/schema/bom/1.6#edgeferry-run")
_MODEL = "model"
_NEVER = (
    "hardware it runs on",
    "energy used for training",
    "performance trade-offs",
    "fairness between groups of people",
    "why these metrics suit the purpose",
    "cybersecurity",
    "EU declaration of conformity",
)
"""What no training measures and no key of `[card]` states."""
_EPOCH = "SOURCE_DATE_EPOCH"
"""https://reproducible-builds.org/specs/source-date-epoch/"""


def mlbom(record: AnyRecord) -> bytes:
    """The file's bytes: UTF-8 JSON, keys in the order of the schema."""
    return msgspec.json.format(msgspec.json.encode(document(record)), indent=2) + b"\n"


def document(record: AnyRecord) -> Json:
    """The whole bill."""
    libraries, data = list(_libraries(record)), list(_datasets(record))
    parts = [part["bom-ref"] for part in (*libraries, *data)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, f'{record.settings.name} {record.metrics.weights}')}",
        "version": 1,
        "metadata": {**_timestamp(), "tools": {"components": [_tool(record)]}, "component": _model(record)},
        "components": [*libraries, *data],
        "dependencies": [{"ref": _MODEL, "dependsOn": parts}, *({"ref": ref} for ref in parts)],
    }


def not_stated(record: AnyRecord) -> tuple[str, ...]:
    """What a reader of card and bill would look for and nobody has measured or stated."""
    return (*record.settings.card.open(), *_NEVER)


def _timestamp() -> Json:
    epoch = os.environ.get(_EPOCH, "")
    if not epoch.isdecimal():
        return {}
    return {"timestamp": datetime.fromtimestamp(int(epoch), UTC).isoformat().replace("+00:00", "Z")}


def _tool(record: AnyRecord) -> Json:
    return {"type": "application", "name": "edgeferry", **_version(record.metrics.software.get("edgeferry"))}


def _version(version: str | None) -> Json:
    return {} if version is None else {"version": version}


def _model(record: AnyRecord) -> Json:
    stated = record.settings.card
    words = dict(stated.given())
    return {
        "type": "machine-learning-model",
        "bom-ref": _MODEL,
        **({"manufacturer": {"name": words["provider"]}} if "provider" in words else {}),
        "authors": [{"name": words["contact"]}] if "contact" in words else [],
        "name": record.settings.name,
        "version": record.metrics.weights,
        "licenses": [{"license": {"name": words["licence"]}}] if "licence" in words else [],
        **_pedigree(record),
        "modelCard": {
            "modelParameters": _parameters(record),
            "quantitativeAnalysis": {"performanceMetrics": list(_performance(record))},
            "considerations": _considerations(words),
        },
        "properties": [
            *_properties(
                weights=record.metrics.weights,
                parameters=record.metrics.parameters,
                epochs=record.metrics.epochs,
                seed=record.settings.seed,
                threads=record.metrics.threads,
                machine=record.metrics.machine,
            ),
            *([_property("stated-by", stated.stated_by)] if stated.stated_by else []),
            *(_property("not-stated", what) for what in not_stated(record)),
        ],
    }


def _pedigree(record: AnyRecord) -> Json:
    base = record.dataset.base
    if base is None:
        return {}
    ancestor = {"type": "machine-learning-model", "name": base.name, "version": base.weights}
    added = "; ".join(f"{one.pictures} pictures of {one.origin}, {one.digest}" for one in record.dataset.added)
    return {"pedigree": {"ancestors": [ancestor], "notes": f"trained on with {added}"}}


def _answered_parts(found: Replacement[AnswersCompared] | None) -> Iterator[Json]:
    """Of a retraining: every part both models were compared on."""
    for one in found.sets if found else ():
        for part in one.parts:
            yield _share("accuracy", part.after, part.pictures, f"{one.name} test set, {part.name}")


def _found_parts(found: Replacement[BoxesCompared] | None) -> Iterator[Json]:
    """The same of a detector."""
    for one in found.sets if found else ():
        for part in one.parts:
            kind = "AP50-95" if part.name.startswith("class ") else "mAP50-95"
            yield _metric(kind, part.after, where=f"{one.name} test set, {part.name}")


def _parameters(record: AnyRecord) -> Json:
    prep = record.settings.preprocessing
    width, height = prep.size_wh
    return {
        "approach": {"type": "supervised"},
        "task": record.settings.task,
        "architectureFamily": "convolutional neural network",
        "modelArchitecture": f"{record.metrics.parameters} parameters",
        "datasets": [{"ref": f"data-{name}"} for name in record.dataset.splits],
        "inputs": [{"format": f"image, {width}x{height} pixels, {prep.colour}, {prep.resize}"}],
        "outputs": [{"format": f"{record.settings.task}: {', '.join(record.dataset.labels)}"}],
    }


def _performance(record: AnyRecord) -> Iterator[Json]:
    if isinstance(record, DetectorRecord):
        yield from _found(record.metrics.test)
        yield from _found_parts(record.comparison)
        return
    yield from _answered(record.metrics.test)
    yield from _answered_parts(record.comparison)


def _found(test: DetectionScores) -> Iterator[Json]:
    """On the test split. Boxes of one picture hang together, so that no figure but the measured one has an interval."""
    yield _metric("mAP50-95", test.map50_95, test.map50_95_range)
    yield _metric("mAP50", test.map50)
    for row in test.per_class:
        figures = {"AP50-95": row.ap50_95, "AP50": row.ap50, "AR": row.ar}
        at_threshold = {"precision": row.precision, "recall": row.recall, "F1": row.f1}
        for kind, value in (figures | at_threshold).items():
            yield _metric(kind, value, where=f"class={row.label}")


def _answered(test: Scores) -> Iterator[Json]:
    """On the test split, with Wilson's 95 % intervals where a figure is a share of pictures."""
    yield _share("accuracy", test.accuracy, test.pictures)
    yield _metric("macro-F1", test.macro_f1)
    for number, row in enumerate(test.per_class):
        yield from _of_class(row, answered=sum(truth[number] for truth in test.confusion))


def _of_class(row: ClassScores, *, answered: int) -> Iterator[Json]:
    where = f"class={row.label}"
    yield _share("recall", row.recall, row.pictures, where)
    yield _share("precision", row.precision, answered, where)
    yield _metric("F1", row.f1, where=where)


def _share(kind: str, value: float, pictures: int, where: str = "") -> Json:
    return _metric(kind, value, share_interval(value, pictures) if pictures else None, where)


def _metric(kind: str, value: float, interval: tuple[float, float] | None = None, where: str = "") -> Json:
    found: Json = {"type": kind, "value": f"{value:.6f}"}
    if where:
        found["slice"] = where
    if interval:
        low, high = interval
        found["confidenceInterval"] = {"lowerBound": f"{low:.6f}", "upperBound": f"{high:.6f}"}
    return found


def _considerations(words: dict[str, str]) -> Json:
    def said(key: str) -> list[str]:
        return [words[key]] if key in words else []

    return {
        "users": said("users"),
        "useCases": said("intended_use"),
        "technicalLimitations": said("limits"),
        "performanceTradeoffs": [],
        "ethicalConsiderations": [{"name": risk} for risk in said("ethics")],
        "environmentalConsiderations": {},
        "fairnessAssessments": [],
    }


def _libraries(record: AnyRecord) -> Iterator[Json]:
    for name, version in record.metrics.software.items():
        if name == "edgeferry":
            continue
        purl = f"pkg:generic/python@{version}" if name == "python" else f"pkg:pypi/{name}@{version}"
        kind = "platform" if name == "python" else "library"
        yield {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _datasets(record: AnyRecord) -> Iterator[Json]:
    boxes = record.dataset.boxes if isinstance(record, DetectorRecord) else {}
    for name, split in record.dataset.splits.items():
        yield _dataset(name, split, record.dataset.origin, boxes.get(name, {}))


def _dataset(name: str, split: Split, origin: str, boxes: Mapping[str, int]) -> Json:
    """The digest is over the sorted digests of the pictures' pixels and labels: no file has it."""
    return {
        "type": "data",
        "bom-ref": f"data-{name}",
        "name": f"{origin}, {name}",
        "version": split.digest,
        "data": [
            {
                "type": "dataset",
                "name": name,
                "contents": {
                    "properties": [
                        *_properties(digest=split.digest, pictures=split.pictures),
                        *(_property(f"pictures:{label}", count) for label, count in split.classes.items()),
                        *(_property(f"boxes:{label}", count) for label, count in boxes.items()),
                    ]
                },
                "description": f"{split.pictures} pictures of {len(split.classes)} classes, used as {name} split",
                "sensitiveData": [],
            }
        ],
    }


def _properties(**values: object) -> list[Json]:
    return [_property(name, value) for name, value in values.items()]


def _property(name: str, value: object) -> Json:
    return {"name": f"edgeferry:{name}", "value": str(value)}
