"""Counts the work of published networks for `devices/cost/networks.toml`: `python -m tests.data.make_networks`.

Speeds are published for these networks, so the cost model needs to know what is in them. They are described here layer
by layer, from the papers and the reference code named beside each; no weights and no TensorFlow are needed. Batch
normalisation is folded and activations are fused, as converters do. `tests/converters/cost/test_networks.py` holds the
counts against published ones and against real files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from converters.preflight.edgetpu_memory import CACHE_BYTES

TARGET = Path(__file__).parent.parent.parent / "devices" / "cost" / "networks.toml"
Shape = tuple[int, int, int]
"""Height, width, channels."""


@dataclass
class Network:
    """A network in the making: `at` is where the next layer begins."""

    at: Shape
    conv_macs: int = 0
    """Of convolutions and dense layers, but for those below."""
    square_macs: int = 0
    """Of 3x3 convolutions with stride 1, which have quicker algorithms (Winograd's, arXiv 1509.09308)."""
    depthwise_macs: int = 0
    parameters: int = 0
    moved: int = 0
    operators: int = 0
    host: int = 0
    """Numbers read by an operator that accelerators leave to the CPU."""
    layers: list[int] = field(default_factory=list)
    """Parameters of each layer that has any, in order: what an on-chip memory has to hold."""

    def _step(self, output: Shape, read: int | None = None) -> Shape:
        self.moved += (_size(self.at) if read is None else read) + _size(output)
        self.operators += 1
        self.at = output
        return output

    def conv(self, channels: int, kernel: int | tuple[int, int] = 1, stride: int = 1, same: bool = True) -> Shape:
        """A convolution with a bias."""
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        output = (*_out(self.at, (height, width), stride, same), channels)
        taps = height * width * self.at[2]
        if (height, width, stride) == (3, 3, 1):
            self.square_macs += _size(output) * taps
        else:
            self.conv_macs += _size(output) * taps
        self._weights((taps + 1) * channels)
        return self._step(output)

    def depthwise(self, kernel: int = 3, stride: int = 1, multiplier: int = 1) -> Shape:
        """A convolution of each channel by itself."""
        output = (*_out(self.at, (kernel, kernel), stride, True), self.at[2] * multiplier)
        self.depthwise_macs += _size(output) * kernel * kernel
        self._weights((kernel * kernel + 1) * output[2])
        return self._step(output)

    def dense(self, units: int) -> Shape:
        """A fully connected layer; it flattens what it is given."""
        self.conv_macs += _size(self.at) * units
        self._weights((_size(self.at) + 1) * units)
        return self._step((1, 1, units))

    def _weights(self, number: int) -> None:
        self.parameters += number
        self.layers.append(number)

    def pool(self, kernel: int = 2, stride: int = 2, same: bool = True) -> Shape:
        """A pooling layer; work beyond moving data is not counted."""
        return self._step((*_out(self.at, (kernel, kernel), stride, same), self.at[2]))

    def mean(self) -> Shape:
        """The mean over height and width."""
        return self._step((1, 1, self.at[2]))

    def join(self, shapes: list[Shape]) -> Shape:
        """Concatenation along channels."""
        output = (*shapes[0][:2], sum(shape[2] for shape in shapes))
        return self._step(output, read=_size(output))

    def add(self, first: Shape) -> Shape:
        """A sum of two tensors of equal shape, or a product with a scale a channel."""
        return self._step(self.at, read=_size(self.at) + _size(first))

    def touch(self) -> Shape:
        """An operator that reads and writes as much: an activation of its own, a softmax."""
        return self._step(self.at)

    def branches(self, *makes: Callable[[Network], object]) -> Shape:
        """Each from where the network is now; joined."""
        start, ends = self.at, []
        for make in makes:
            self.at = start
            make(self)
            ends.append(self.at)
        return self.join(ends)


def _size(shape: Shape) -> int:
    return shape[0] * shape[1] * shape[2]


def _out(at: Shape, kernel: tuple[int, int], stride: int, same: bool) -> tuple[int, int]:
    lost = (0, 0) if same else (kernel[0] - 1, kernel[1] - 1)
    return -(-(at[0] - lost[0]) // stride), -(-(at[1] - lost[1]) // stride)


def _head(network: Network, classes: int) -> Network:
    network.mean()
    network.dense(classes)
    network.touch()
    return network


def mobilenet_v1(size: int = 224, classes: int = 1000, width: float = 1.0) -> Network:
    """The paper is arXiv 1704.04861, table 1."""
    network = Network((size, size, 3))
    _mobilenet_v1_body(network, width)
    return _head(network, classes)


def _mobilenet_v1_body(network: Network, width: float) -> Shape:
    """Returns where an SSD takes its first features: before the last stride."""
    first = network.conv(int(32 * width), 3, 2)
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for channels, stride in plan:
        if (channels, stride) == (1024, 2):
            first = network.at
        network.depthwise(3, stride)
        network.conv(int(channels * width))
    return first


def _inverted(network: Network, expand: int, channels: int, stride: int, kernel: int = 3, squeeze: int = 0) -> None:
    """The block of MobileNetV2 and of what came after; `squeeze` channels make it squeeze and excite."""
    start = network.at
    if expand != start[2]:
        network.conv(expand)
    network.depthwise(kernel, stride)
    if squeeze:
        _excite(network, squeeze)
    network.conv(channels)
    if stride == 1 and start[2] == channels:
        network.add(start)


def _excite(network: Network, squeeze: int) -> None:
    features = network.at
    network.mean()
    network.conv(squeeze)
    network.conv(features[2])
    network.at = features
    network.add((1, 1, features[2]))


def _mobilenet_v2_body(network: Network) -> Shape:
    """Returns where an SSD takes its first features: the expansion of block 13."""
    network.conv(32, 3, 2)
    first = network.at
    for times, channels, number, stride in [
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ]:  # fmt: skip
        for index in range(number):
            if channels == 160 and index == 0:
                first = (*network.at[:2], 6 * network.at[2])
            _inverted(network, times * network.at[2], channels, stride if index == 0 else 1)
    network.conv(1280)
    return first


def mobilenet_v2(size: int = 224, classes: int = 1000) -> Network:
    """The paper is arXiv 1801.04381, table 2."""
    network = Network((size, size, 3))
    _mobilenet_v2_body(network)
    return _head(network, classes)


def _ssd(network: Network, first: Shape, extra: list[tuple[int, int]], classes: int) -> Network:
    """Six feature maps with boxes and scores each; convolutions of 1x1, as in TensorFlow's detection API."""
    maps = [first, network.at]
    for narrow, wide in extra:
        network.conv(narrow)
        maps.append(network.conv(wide, 3, 2))
    anchors = 0
    for number, shape in zip((3, 6, 6, 6, 6, 6), maps, strict=True):
        for channels in (4 * number, classes * number):
            network.at = shape
            network.conv(channels)
            # A RESHAPE, which moves nothing.
            network.operators += 1
        anchors += shape[0] * shape[1] * number
    for channels in (4, classes):
        network.join([(anchors, 1, channels)])
    network.touch()
    network.host = anchors * (4 + classes)
    return network


_EXTRA = [(256, 512), (128, 256), (128, 256), (64, 128)]


def ssd_mobilenet_v1(classes: int = 91, width: float = 1.0) -> Network:
    """ssd_mobilenet_v1_coco_2018_01_28 of TensorFlow's detection API, without the operator that suppresses boxes."""
    network = Network((300, 300, 3))
    first = _mobilenet_v1_body(network, width)
    return _ssd(network, first, [(int(narrow * width), int(wide * width)) for narrow, wide in _EXTRA], classes)


def ssd_mobilenet_v2(classes: int = 91) -> Network:
    """ssd_mobilenet_v2_coco_2018_03_29 of TensorFlow's detection API, likewise."""
    network = Network((300, 300, 3))
    first = _mobilenet_v2_body(network)
    return _ssd(network, first, _EXTRA, classes)


def _v3(plan: list[tuple[int, int, int, int, int]], last: int, hidden: int) -> Network:
    """Rows of kernel, expansion, channels, squeeze, stride."""
    network = Network((224, 224, 3))
    network.conv(16, 3, 2)
    for kernel, expand, channels, squeeze, stride in plan:
        _inverted(network, expand, channels, stride, kernel, squeeze)
    network.conv(last)
    network.mean()
    network.dense(hidden)
    network.dense(1000)
    network.touch()
    return network


def mobilenet_v3_large() -> Network:
    """The paper is arXiv 1905.02244, table 1."""
    plan = [
        (3, 16, 16, 0, 1), (3, 64, 24, 0, 2), (3, 72, 24, 0, 1), (5, 72, 40, 24, 2), (5, 120, 40, 32, 1),
        (5, 120, 40, 32, 1), (3, 240, 80, 0, 2), (3, 200, 80, 0, 1), (3, 184, 80, 0, 1), (3, 184, 80, 0, 1),
        (3, 480, 112, 120, 1), (3, 672, 112, 168, 1), (5, 672, 160, 168, 2), (5, 960, 160, 240, 1),
        (5, 960, 160, 240, 1),
    ]  # fmt: skip
    return _v3(plan, 960, 1280)


def mobilenet_v3_small() -> Network:
    """The paper is arXiv 1905.02244, table 2."""
    plan = [
        (3, 16, 16, 8, 2), (3, 72, 24, 0, 2), (3, 88, 24, 0, 1), (5, 96, 40, 24, 2), (5, 240, 40, 64, 1),
        (5, 240, 40, 64, 1), (5, 120, 48, 32, 1), (5, 144, 48, 40, 1), (5, 288, 96, 72, 2), (5, 576, 96, 144, 1),
        (5, 576, 96, 144, 1),
    ]  # fmt: skip
    return _v3(plan, 576, 1024)


def efficientnet_b0() -> Network:
    """The paper is arXiv 1905.11946, table 1; squeezed to a quarter of each block's input."""
    network = Network((224, 224, 3))
    network.conv(32, 3, 2)
    for times, channels, number, stride, kernel in [
        (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5),
        (6, 320, 1, 1, 3),
    ]:  # fmt: skip
        for index in range(number):
            narrow = max(1, network.at[2] // 4)
            _inverted(network, times * network.at[2], channels, stride if index == 0 else 1, kernel, narrow)
    network.conv(1280)
    return _head(network, 1000)


def efficientnet_edgetpu(size: int, deeper: float) -> Network:
    """tensorflow/tpu, models/official/efficientnet/edgetpu: fused blocks in front, no squeeze and excite."""
    network = Network((size, size, 3))
    network.conv(32, 3, 2)
    for number, kernel, stride, times, channels, fused, skips in [
        (1, 3, 1, 4, 24, True, False), (2, 3, 2, 8, 32, True, True), (4, 3, 2, 8, 48, True, True),
        (5, 5, 2, 8, 96, False, True), (4, 5, 1, 8, 144, False, True), (2, 5, 2, 8, 192, False, True),
    ]:  # fmt: skip
        for index in range(-(-int(number * deeper * 100) // 100)):
            start, step = network.at, stride if index == 0 else 1
            if fused:
                network.conv(times * start[2], kernel, step)
                network.conv(channels)
                if skips and step == 1 and start[2] == channels:
                    network.add(start)
            else:
                _inverted(network, times * start[2], channels, step, kernel)
    network.conv(1280)
    return _head(network, 1001)


def inception_v1() -> Network:
    """The paper is arXiv 1409.4842, table 1 (GoogLeNet)."""
    network = Network((224, 224, 3))
    network.conv(64, 7, 2)
    network.pool(3)
    network.conv(64)
    network.conv(192, 3)
    network.pool(3)
    plans = [
        (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), (),
        (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128), (),
        (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
    ]  # fmt: skip
    for plan in plans:
        if not plan:
            network.pool(3)
            continue
        one, narrow3, wide3, narrow5, wide5, pooled = plan
        network.branches(
            lambda n, c=one: n.conv(c),
            lambda n, c=narrow3, d=wide3: (n.conv(c), n.conv(d, 3)),
            lambda n, c=narrow5, d=wide5: (n.conv(c), n.conv(d, 5)),
            lambda n, c=pooled: (n.pool(3, 1), n.conv(c)),
        )
    return _head(network, 1000)


def _chain(*steps: tuple[int, int | tuple[int, int], int, bool]) -> Callable[[Network], object]:
    def make(network: Network) -> None:
        for channels, kernel, stride, same in steps:
            network.conv(channels, kernel, stride, same)

    return make


def _pooled(channels: int = 0, stride: int = 1, same: bool = True) -> Callable[[Network], object]:
    def make(network: Network) -> None:
        network.pool(3, stride, same)
        if channels:
            network.conv(channels)

    return make


def inception_v4() -> Network:
    """The paper is arXiv 1602.07261, figures 3 to 9; 299x299."""
    n = Network((299, 299, 3))
    n.conv(32, 3, 2, False)
    n.conv(32, 3, 1, False)
    n.conv(64, 3)
    n.branches(_pooled(0, 2, False), _chain((96, 3, 2, False)))
    n.branches(
        _chain((64, 1, 1, True), (96, 3, 1, False)),
        _chain((64, 1, 1, True), (64, (7, 1), 1, True), (64, (1, 7), 1, True), (96, 3, 1, False)),
    )
    n.branches(_chain((192, 3, 2, False)), _pooled(0, 2, False))
    for _ in range(4):
        n.branches(
            _pooled(96),
            _chain((96, 1, 1, True)),
            _chain((64, 1, 1, True), (96, 3, 1, True)),
            _chain((64, 1, 1, True), (96, 3, 1, True), (96, 3, 1, True)),
        )
    n.branches(
        _pooled(0, 2, False),
        _chain((384, 3, 2, False)),
        _chain((192, 1, 1, True), (224, 3, 1, True), (256, 3, 2, False)),
    )
    for _ in range(7):
        n.branches(
            _pooled(128),
            _chain((384, 1, 1, True)),
            _chain((192, 1, 1, True), (224, (1, 7), 1, True), (256, (7, 1), 1, True)),
            _chain(
                (192, 1, 1, True), (192, (1, 7), 1, True), (224, (7, 1), 1, True), (224, (1, 7), 1, True),
                (256, (7, 1), 1, True),
            ),
        )  # fmt: skip
    n.branches(
        _pooled(0, 2, False),
        _chain((192, 1, 1, True), (192, 3, 2, False)),
        _chain((256, 1, 1, True), (256, (1, 7), 1, True), (320, (7, 1), 1, True), (320, 3, 2, False)),
    )
    for _ in range(3):
        n.branches(_pooled(256), _chain((256, 1, 1, True)), _forked(384), _forked(384, 448, 512))
    return _head(n, 1001)


def _forked(*narrow: int) -> Callable[[Network], object]:
    """1x1, then for the deeper branch 1x3 and 3x1, then both 1x3 and 3x1 side by side."""

    def make(network: Network) -> None:
        network.conv(narrow[0])
        if len(narrow) > 1:
            network.conv(narrow[1], (1, 3))
            network.conv(narrow[2], (3, 1))
        network.branches(_chain((256, (1, 3), 1, True)), _chain((256, (3, 1), 1, True)))

    return make


def resnet(blocks: tuple[int, int, int, int], size: int, deep: bool) -> Network:
    """The paper is arXiv 1512.03385, table 1; deep blocks have their stride in the first convolution."""
    network = Network((size, size, 3))
    network.conv(64, 7, 2)
    network.pool(3)
    for stage, number in enumerate(blocks):
        narrow = 64 * 2**stage
        wide = 4 * narrow if deep else narrow
        for index in range(number):
            stride, start = 2 if stage and index == 0 else 1, network.at
            if deep:
                network.conv(narrow, 1, stride)
                network.conv(narrow, 3)
                end = network.conv(wide)
            else:
                network.conv(narrow, 3, stride)
                end = network.conv(wide, 3)
            if start != end:
                network.at = start
                network.conv(wide, 1, stride)
            network.add(end)
            network.touch()
    return _head(network, 1000)


def vgg(blocks: tuple[int, ...]) -> Network:
    """The paper is arXiv 1409.1556, table 1."""
    network = Network((224, 224, 3))
    for channels, number in zip((64, 128, 256, 512, 512), blocks, strict=True):
        for _ in range(number):
            network.conv(channels, 3)
        network.pool()
    for units in (4096, 4096, 1000):
        network.dense(units)
    network.touch()
    return network


def alexnet() -> Network:
    """The Caffe form, 227x227, two groups in layers 2, 4 and 5."""
    network = Network((227, 227, 3))
    network.conv(96, 11, 4, False)
    network.pool(3, 2, False)
    for channels, kernel, groups, pooled in [
        (256, 5, 2, True),
        (384, 3, 1, False),
        (384, 3, 2, False),
        (256, 3, 2, True),
    ]:
        _grouped(network, channels, kernel, groups)
        if pooled:
            network.pool(3, 2, False)
    for units in (4096, 4096, 1000):
        network.dense(units)
    network.touch()
    return network


def _grouped(network: Network, channels: int, kernel: int, groups: int) -> None:
    height, width, depth = network.at
    network.at = (height, width, depth // groups)
    network.conv(channels, kernel)
    network.moved += _size((height, width, depth)) - _size((height, width, depth // groups))


def squeezenet(late: bool) -> Network:
    """The paper is arXiv 1602.07360, table 1; `late` is version 1.1: smaller first kernel, earlier pools."""
    network = Network((227, 227, 3))
    network.conv(64 if late else 96, 3 if late else 7, 2, False)
    network.pool(3, 2)
    pools = (1, 3) if late else (2, 6)
    for index, narrow in enumerate((16, 16, 32, 32, 48, 48, 64, 64)):
        network.conv(narrow)
        network.branches(_chain((4 * narrow, 1, 1, True)), _chain((4 * narrow, 3, 1, True)))
        if index in pools:
            network.pool(3, 2)
    network.conv(1000)
    network.mean()
    network.touch()
    return network


def densenet121() -> Network:
    """The paper is arXiv 1608.06993, table 1; what was joined is normalised, which no convolution can take in."""
    network = Network((224, 224, 3))
    network.conv(64, 7, 2)
    network.pool(3)
    for stage, number in enumerate((6, 12, 24, 16)):
        for _ in range(number):
            start = network.at
            network.touch()
            network.conv(128)
            end = network.conv(32, 3)
            network.join([start, end])
        if stage < 3:
            network.touch()
            network.conv(network.at[2] // 2)
            network.pool()
    network.touch()
    return _head(network, 1000)


def cifar10_resnet8() -> Network:
    """mlcommons/tiny, benchmark/training/image_classification: three blocks of two convolutions, 32x32."""
    network = Network((32, 32, 3))
    network.conv(16, 3)
    for channels, stride in [(16, 1), (32, 2), (64, 2)]:
        start = network.at
        network.conv(channels, 3, stride)
        end = network.conv(channels, 3)
        if stride > 1:
            network.at = start
            network.conv(channels, 1, stride)
        network.add(end)
    return _head(network, 10)


NETWORKS: dict[str, Callable[[], Network]] = {
    "alexnet": alexnet,
    "cifar10_resnet8_32": cifar10_resnet8,
    "densenet121_224": densenet121,
    "efficientnet_b0_224": efficientnet_b0,
    "efficientnet_edgetpu_m_240": lambda: efficientnet_edgetpu(240, 1.1),
    "efficientnet_edgetpu_s_224": lambda: efficientnet_edgetpu(224, 1.0),
    "inception_v1_224": inception_v1,
    "inception_v4_299": inception_v4,
    "mobilenet_v1_025_96": lambda: mobilenet_v1(96, 2, 0.25),
    "mobilenet_v1_025_128": lambda: mobilenet_v1(128, 1001, 0.25),
    "mobilenet_v1_025_224": lambda: mobilenet_v1(224, 1001, 0.25),
    "mobilenet_v1_05_160": lambda: mobilenet_v1(160, 1001, 0.5),
    "mobilenet_v1_224": mobilenet_v1,
    "mobilenet_v2_224": mobilenet_v2,
    "mobilenet_v2_300": lambda: mobilenet_v2(300),
    "mobilenet_v3_large_224": mobilenet_v3_large,
    "mobilenet_v3_small_224": mobilenet_v3_small,
    "resnet18_224": lambda: resnet((2, 2, 2, 2), 224, False),
    "resnet50_224": lambda: resnet((3, 4, 6, 3), 224, True),
    "resnet50_299": lambda: resnet((3, 4, 6, 3), 299, True),
    "squeezenet_1_0_227": lambda: squeezenet(False),
    "squeezenet_1_1_227": lambda: squeezenet(True),
    "ssd_mobilenet_v1_075_300": lambda: ssd_mobilenet_v1(91, 0.75),
    "ssd_mobilenet_v1_300": ssd_mobilenet_v1,
    "ssd_mobilenet_v1_voc_300": lambda: ssd_mobilenet_v1(21),
    "ssd_mobilenet_v2_300": ssd_mobilenet_v2,
    "vgg16_224": lambda: vgg((2, 2, 3, 3, 3)),
    "vgg19_224": lambda: vgg((2, 2, 4, 4, 4)),
}


YOLO11 = {"n": (6.5, 2.6), "s": (21.5, 9.4), "m": (68.0, 20.1), "l": (86.9, 25.3), "x": (194.9, 56.9)}
"""docs.ultralytics.com/models/yolo11, at 640: GFLOPs, two a multiplication with addition, and millions of parameters.
Only the sums are published, so that these serve fits over all multiplications and no others."""


def lines() -> Iterator[str]:
    """The file."""
    yield "# Work in published networks, one frame. Made by tests/data/make_networks.py; see there for the sources."
    for name, make in NETWORKS.items():
        network = make()
        yield ""
        yield f"[{name}]"
        for key in ("conv_macs", "square_macs", "depthwise_macs", "parameters", "moved", "operators", "host"):
            yield f"{key} = {getattr(network, key)}"
        yield f"streamed = {_streamed(network)}"
    for size, (gflops, millions) in YOLO11.items():
        yield ""
        yield f"[yolo11{size}_640]"
        yield f"conv_macs = {round(gflops * 5e8)}"
        yield f"parameters = {round(millions * 1e6)}"


def _streamed(network: Network) -> int:
    """Parameters of 8 bits that do not fit an Edge TPU, where the first layers are kept."""
    room = CACHE_BYTES
    for size in network.layers:
        room -= size if size <= room else 0
    return network.parameters - (CACHE_BYTES - room)


def main() -> None:
    """Write it."""
    TARGET.write_text("\n".join(lines()) + "\n")


if __name__ == "__main__":
    main()
