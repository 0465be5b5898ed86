"""The work in published networks, against published counts and against real files."""

from __future__ import annotations

from pathlib import Path

import pytest

from converters.cost.tflite_work import works_of
from converters.tflite_graph import read_graph
from devices.cost.tables import networks
from devices.cost.work import total
from tests.data.make_networks import TARGET, lines

PUBLISHED = {
    # Millions of multiplications and of parameters, as the papers and model pages have them.
    "mobilenet_v1_224": (569, 4.24),
    "mobilenet_v2_224": (300, 3.5),
    "mobilenet_v3_large_224": (219, 5.4),
    "mobilenet_v3_small_224": (56, 2.5),
    "efficientnet_b0_224": (390, 5.3),
    "efficientnet_edgetpu_s_224": (None, 5.4),
    "efficientnet_edgetpu_m_240": (None, 6.9),
    "inception_v4_299": (12_270, 42.7),
    "resnet18_224": (1_814, 11.7),
    "resnet50_224": (3_858, 25.6),
    "vgg16_224": (15_470, 138.4),
    "vgg19_224": (19_630, 143.7),
    "densenet121_224": (2_834, 8.0),
    "squeezenet_1_0_227": (None, 1.25),
    "squeezenet_1_1_227": (None, 1.24),
    "alexnet": (724, 61.0),
}
REAL = {
    "mobilenet_v1_025_128": "mobilenet_v1_0.25_128_quant",
    "mobilenet_v1_025_224": "mobilenet_v1_0.25_224_float",
    "mobilenet_v1_05_160": "mobilenet_v1_0.5_160_quant",
    "mobilenet_v1_025_96": "vww_96_int8",
    "ssd_mobilenet_v1_075_300": "coco_ssd_mobilenet_v1_quant_metadata",
    "cifar10_resnet8_32": "cifar10_resnet_int8",
}


def test_the_file_is_what_its_maker_makes() -> None:
    assert TARGET.read_text() == "\n".join(lines()) + "\n"


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_are_those_that_are_published(name: str) -> None:
    macs, parameters = PUBLISHED[name]
    found = networks()[name].totals
    # Published counts are rounded, and differ by what they leave out, such as biases.
    assert found.parameters / 1e6 == pytest.approx(parameters, rel=0.04)
    if macs is not None:
        assert found.macs / 1e6 == pytest.approx(macs, rel=0.02)


@pytest.mark.parametrize("name", REAL)
def test_counts_are_those_of_real_files(shared_data: Path, name: str) -> None:
    path = shared_data / "models/tflite" / f"{REAL[name]}.tflite"
    found = total(works_of(read_graph(path.read_bytes(), where=path.name)))
    expected = networks()[name].totals
    assert (found.conv_macs, found.square_macs) == pytest.approx((expected.conv_macs, expected.square_macs), rel=1e-3)
    assert (found.depthwise_macs, found.host) == (expected.depthwise_macs, expected.host)
    assert found.moved == pytest.approx(expected.moved, rel=0.01)
