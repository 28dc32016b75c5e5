"""Rewrites silero_vad_v6.onnx for batches: silero_vad_v6_batched.onnx, the same numbers for a third of the time.

Needs onnx==1.23.2 and numpy==2.4.6 from PyPI, and Python 3.11 or newer:

    python3 -m venv .cache/onnx && .cache/onnx/bin/pip install onnx==1.23.2 numpy==2.4.6
    .cache/onnx/bin/python models/silero-vad-v6/rewrite.py && (cd models/silero-vad-v6 && sha256sum -c SHA256SUMS)

What differs from the published graph:
- only its branch for 16 kHz, so no `sr` and no If; the input is [B, 576] and nothing else;
- the transform and the first two convolutions, nine tenths of the work outside the LSTM, are products of all
  windows' rows with a matrix; ONNX Runtime's Conv goes through them window by window, four columns at a time.

What must not differ is the order of every sum: the second convolution loses so many digits that any other order,
though as right, moves a probability by up to 4e-5 and is remembered by the LSTM. So the rows of each matrix are
ordered as Conv unrolls them (channel by channel, its taps together), and a sum is made in one go (see `loose`). The
two last convolutions stay as they are: with one column, Conv sums in lanes.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent
HOP = 128
PADDING = 64
FRAMES = 4
BINS = 129
HIDDEN = 128
PACKED_ROWS = 256
LOOSE_COLUMNS = 32


def read_weights(path):
    """Constants of the 16 kHz branch by their name in the network, e.g. `encoder.0.reparam_conv.weight`."""
    choice = next(node for node in onnx.load(path).graph.node if node.op_type == "If")
    branch = next(each.g for each in choice.attribute if each.name == "then_branch")
    return {
        node.output[0].split("__")[-1]: numpy_helper.to_array(node.attribute[0].t)
        for node in branch.node
        if node.op_type == "Constant"
    }


class Graph:
    """Nodes and constants in the order in which they are added."""

    def __init__(self):
        self.nodes = []
        self.constants = []
        self.inputs = []

    def constant(self, values, kind=np.float32):
        name = f"constant{len(self.constants)}"
        array = np.ascontiguousarray(np.asarray(values, dtype=kind))
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def loose(self, values):
        """A constant that is an input, too, with itself as the default.

        ONNX Runtime packs true constants, and sums packed ones in pieces of 256 rows; of others it sums up to 512
        rows in one go if there are at most 32 columns.
        """
        name = self.constant(values)
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, values.shape))
        return name

    def ints(self, *values):
        return self.constant(values, np.int64)

    def add(self, op, *inputs, to=None, count=1, **attributes):
        names = [to] if to else [f"{op.lower()}{len(self.nodes)}_{at}" for at in range(count)]
        self.nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names[0] if count == 1 else names

    def slice(self, value, start, end, axis):
        return self.add("Slice", value, self.ints(start), self.ints(end), self.ints(axis))

    def split(self, value, sizes, axis):
        return self.add("Split", value, self.ints(*sizes), count=len(sizes), axis=axis)

    def reshape(self, value, *shape):
        return self.add("Reshape", value, self.ints(*shape))


def transform(graph, basis):
    """Amplitudes of the 4 frames of [B, 576], as [B, 4, 129]."""
    padded = graph.add("Pad", "input", graph.ints(0, 0, 0, PADDING), mode="reflect")
    blocks = graph.reshape(padded, -1, FRAMES + 1, HOP)
    halves = [graph.slice(blocks, at, at + FRAMES, 1) for at in range(2)]
    frames = graph.reshape(graph.add("Concat", *halves, axis=2), -1, 2 * HOP)
    parts = graph.add("Gemm", frames, graph.constant(basis[:, 0].T))
    real, imaginary = graph.split(graph.add("Mul", parts, parts), [BINS, BINS], 1)
    return graph.reshape(graph.add("Sqrt", graph.add("Add", real, imaginary)), -1, FRAMES, BINS)


def by_channel(graph, value, taps, channels):
    """Rows of frame after frame as rows of channel after channel."""
    turned = graph.add("Transpose", graph.reshape(value, -1, taps, channels), perm=[0, 2, 1])
    return graph.reshape(turned, -1, taps * channels)


def layer(graph, rows, weight, bias):
    """A convolution [outputs, inputs, taps] whose input lies unrolled in rows, and what is negative cut off."""
    matrix = weight.reshape(len(weight), -1).T
    step = matrix.shape[1] if len(matrix) <= PACKED_ROWS else LOOSE_COLUMNS
    outputs = []
    for at in range(0, matrix.shape[1], step):
        piece = matrix[:, at : at + step]
        held = graph.constant(piece) if len(matrix) <= PACKED_ROWS else graph.loose(piece)
        outputs.append(graph.add("Relu", graph.add("Gemm", rows, held, graph.constant(bias[at : at + step]))))
    return outputs[0] if len(outputs) == 1 else graph.add("Concat", *outputs, axis=1)


def encode(graph, amplitudes, weights):
    """The four convolutions: amplitudes to [B, 128, 1]."""
    (w0, b0), (w1, b1), (w2, b2), (w3, b3) = (
        (weights[f"encoder.{at}.reparam_conv.weight"], weights[f"encoder.{at}.reparam_conv.bias"])
        for at in range(4)
    )
    padded = graph.add("Pad", amplitudes, graph.ints(0, 1, 0, 0, 1, 0))
    seen = graph.add("Concat", *[graph.slice(padded, at, at + FRAMES, 1) for at in range(3)], axis=2)
    wide = len(w0)
    first = graph.reshape(layer(graph, by_channel(graph, seen, 3, BINS), w0, b0), -1, FRAMES * wide)
    # Every other frame from the first on, which has none before it.
    left = by_channel(graph, graph.slice(first, 0, 2 * wide, 1), 2, wide)
    right = by_channel(graph, graph.slice(first, wide, 4 * wide, 1), 3, wide)
    both = [layer(graph, left, w1[:, :, 1:], b1), layer(graph, right, w1, b1)]
    second = graph.reshape(graph.add("Concat", *both, axis=1), -1, 2, len(w1))
    value = graph.add("Transpose", second, perm=[0, 2, 1])
    for weight, bias, stride in ((w2, b2, 2), (w3, b3, 1)):
        names = graph.constant(weight), graph.constant(bias)
        value = graph.add("Conv", value, *names, kernel_shape=[3], pads=[1, 1], strides=[stride])
        value = graph.add("Relu", value)
    return value


def remember(graph, value, weights):
    """One step of the LSTM over `state`; writes `stateN`, gives what it puts out."""

    def ordered(name):
        """Gates in, forget, cell, out as in, out, forget, cell, which is how ONNX has them."""
        into, forget, cell, out = np.split(weights[f"decoder.rnn.{name}"], 4)
        return np.concatenate([into, out, forget, cell])

    hidden, cell = graph.split("state", [1, 1], 0)
    held = [graph.constant(ordered(f"weight_{kind}")[np.newaxis]) for kind in ("ih", "hh")]
    bias = np.concatenate([ordered(f"bias_{kind}") for kind in ("ih", "hh")])[np.newaxis]
    step = graph.reshape(value, 1, -1, HIDDEN)
    _, hidden, cell = graph.add(
        "LSTM", step, *held, graph.constant(bias), "", hidden, cell, count=3, hidden_size=HIDDEN
    )
    graph.add("Concat", hidden, cell, axis=0, to="stateN")
    return graph.reshape(hidden, -1, HIDDEN)


def rewrite(weights):
    graph = Graph()
    amplitudes = transform(graph, weights["stft.forward_basis_buffer"])
    hidden = remember(graph, encode(graph, amplitudes, weights), weights)
    last = weights["decoder.decoder.2.weight"][0], weights["decoder.decoder.2.bias"]
    heard = graph.add("Gemm", graph.add("Relu", hidden), *map(graph.constant, last))
    graph.add("Sigmoid", heard, to="output")
    shapes = {
        "input": ["B", 576],
        "state": [2, "B", HIDDEN],
        "output": ["B", 1],
        "stateN": [2, "B", HIDDEN],
    }
    tell = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()}
    body = helper.make_graph(
        graph.nodes,
        "silero_vad_v6_batched",
        [tell["input"], tell["state"], *graph.inputs],
        [tell["output"], tell["stateN"]],
        graph.constants,
    )
    model = helper.make_model(
        body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="rewrite.py"
    )
    onnx.checker.check_model(model, full_check=True)
    return model


if __name__ == "__main__":
    onnx.save(rewrite(read_weights(FOLDER / "silero_vad_v6.onnx")), FOLDER / "silero_vad_v6_batched.onnx")
