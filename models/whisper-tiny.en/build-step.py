"""Builds whisper_step.int8.onnx, one step of a beam search, from the weights of decoder.int8.onnx.

Needs onnx==1.23.2 and numpy==2.4.6 from PyPI, and Python 3.11 or newer:

    python3 -m venv .cache/onnx && .cache/onnx/bin/pip install onnx==1.23.2 numpy==2.4.6
    .cache/onnx/bin/python models/whisper-tiny.en/build-step.py && (cd models/whisper-tiny.en && sha256sum -c SHA256SUMS)

The exported decoder copies its whole cache of 448 places eight times a step and takes the encoder's keys once for each
beam. In this graph
- the cache grows with the text, and `parents` says which row of the last step each row goes on from;
- rows are hearings x beams, hearing by hearing: the beams of a hearing share its keys and values;
- the probabilities that the hearings give to the next piece are averaged, `allowed` (0, or -inf, a piece) is added to
  their logarithm, and only the `k` best pieces of each beam come out.

Inputs: tokens int64 [rows, n], parents int64 [rows], past f32 [8, rows before, 6, places, 64] (keys and values by turns,
layer by layer), cross_k f32 [4, hearings, 6, 64, T], cross_v f32 [4, hearings, 6, T, 64], allowed f32 [51864], k int64 [1].
Outputs: scores f32 and ids int64 [beams, k] after the last of the n tokens, present f32 [8, rows, 6, places + n, 64].

Differs from the exported decoder in one number: the logits are products of integers, too (its embedding is int8 there
as well, but multiplied in floats). Quantisation of a layer's input takes one scale for all rows, as in the exported one.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent
LAYERS = 4
HEADS = 6
HEAD_SIZE = 64
STATE = HEADS * HEAD_SIZE
PIECES = 51864
# Above every length; Slice wants an end.
ALL = 2**31


class Graph:
    """Nodes and constants in the order in which they are added; a node's name is its output's."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes = []
        self.constants = {}
        self.quantised = {}

    def constant(self, name, values):
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def weight(self, name):
        return self.constant(name, self.weights[name])

    def number(self, value):
        return self.constant(f"number {value}", np.array(value, np.float32))

    def integers(self, *values):
        return self.constant(f"integers {values}", np.array(values, np.int64))

    def add(self, kind, *inputs, outputs=1, **attributes):
        names = [f"{kind.lower()}{len(self.nodes)}.{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def size(self, name, axis):
        return self.add("Slice", self.add("Shape", name), self.integers(axis), self.integers(axis + 1))

    def layer_of(self, name, index):
        """One place of the first axis, without that axis."""
        picked = self.add("Slice", name, self.integers(index), self.integers(index + 1), self.integers(0))
        return self.add("Squeeze", picked, self.integers(0))

    def norm(self, x, name):
        weight, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.add("LayerNormalization", x, weight, bias, axis=-1, epsilon=1e-5)

    def quantise(self, x):
        if x not in self.quantised:
            self.quantised[x] = self.add("DynamicQuantizeLinear", x, outputs=3)
        return self.quantised[x]

    def product(self, x, weight, zero_point, scale):
        """x times an int8 matrix, as ONNX Runtime's dynamic quantisation has it."""
        values, x_scale, x_zero_point = self.quantise(x)
        inputs = [values, weight, x_zero_point] + ([zero_point] if zero_point else [])
        whole = self.add("Cast", self.add("MatMulInteger", *inputs), to=TensorProto.FLOAT)
        return self.add("Mul", whole, self.add("Mul", x_scale, scale))

    def linear(self, x, name, bias=None):
        parts = [self.weight(f"{name}_{part}") for part in ("quantized", "zero_point", "scale")]
        y = self.product(x, *parts)
        return self.add("Add", y, self.weight(bias)) if bias else y

    def split_heads(self, x):
        apart = self.add("Reshape", x, self.integers(0, 0, HEADS, HEAD_SIZE))
        return self.add("Transpose", apart, perm=[0, 2, 1, 3])

    def gelu(self, x):
        error = self.add("Erf", self.add("Div", x, self.number(2**0.5)))
        return self.add("Mul", self.add("Mul", x, self.add("Add", error, self.number(1))), self.number(0.5))


def matrix(name, layer):
    """The exported decoder's name of a layer's matrix."""
    head, _, tail = name.partition("/")
    suffix = "" if layer == 0 else f"_{layer}"
    return f"/{head}/{tail}{suffix}/Transpose_output_0" if tail else f"/{head}{suffix}/Transpose_output_0"


def self_attention(graph, x, layer, past, mask):
    block = f"bl.{layer}."
    y = graph.norm(x, block + "ln")
    query = graph.linear(y, matrix("q", layer), block + "sa.q.bias")
    query = graph.split_heads(graph.add("Mul", query, graph.number(HEAD_SIZE**-0.5)))
    key = graph.split_heads(graph.linear(y, matrix("k", layer)))
    value = graph.split_heads(graph.linear(y, matrix("v", layer), block + "sa.v.bias"))
    first = graph.integers(0)
    key = graph.add("Concat", graph.add("Squeeze", past[2 * layer], first), key, axis=2)
    value = graph.add("Concat", graph.add("Squeeze", past[2 * layer + 1], first), value, axis=2)
    present = [graph.add("Unsqueeze", each, first) for each in (key, value)]
    likeness = graph.add("MatMul", query, graph.add("Transpose", key, perm=[0, 1, 3, 2]))
    weights = graph.add("Softmax", graph.add("Add", likeness, mask), axis=-1)
    mixed = graph.add("Transpose", graph.add("MatMul", weights, value), perm=[0, 2, 1, 3])
    mixed = graph.add("Reshape", mixed, graph.integers(0, 0, STATE))
    return graph.add("Add", x, graph.linear(mixed, matrix("o", layer), block + "sa.o.bias")), present


def cross_attention(graph, x, layer, by_hearing, by_row):
    block = f"bl.{layer}."
    query = graph.linear(graph.norm(x, block + "cln"), matrix("cq", layer), block + "cq.bias")
    query = graph.add("Mul", query, graph.number(HEAD_SIZE**-0.5))
    # All beams of a hearing stand below each other, as one query of many places.
    query = graph.add("Transpose", graph.add("Reshape", query, by_hearing), perm=[0, 2, 1, 3])
    weights = graph.add("Softmax", graph.add("MatMul", query, graph.layer_of("cross_k", layer)), axis=-1)
    mixed = graph.add("MatMul", weights, graph.layer_of("cross_v", layer))
    mixed = graph.add("Reshape", graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), by_row)
    return graph.add("Add", x, graph.linear(mixed, matrix("co", layer), block + "co.bias"))


def feed_forward(graph, x, layer):
    block = f"bl.{layer}."
    y = graph.linear(graph.norm(x, block + "ff.ln"), matrix("ff/a", layer), block + "ff.a.bias")
    return graph.add("Add", x, graph.linear(graph.gelu(y), matrix("ff/b", layer), block + "ff.b.bias"))


def build(graph):
    weights = graph.weights
    embedding = graph.constant("embedding", weights["eq"].T)
    embedding_scale = graph.constant("embedding.scale", weights["scale"][:, 0])
    taken = graph.add("Cast", graph.add("Gather", embedding, "tokens", axis=1), to=TensorProto.FLOAT)
    scales = graph.add("Unsqueeze", graph.add("Gather", embedding_scale, "tokens"), graph.integers(2))
    x = graph.add("Mul", graph.add("Transpose", taken, perm=[1, 2, 0]), scales)

    first = graph.integers(0)
    places = graph.size("past", 3)
    until = graph.add("Add", places, graph.size("tokens", 1))
    x = graph.add("Add", x, graph.add("Slice", graph.weight("pos"), places, until, first))
    mask = graph.add("Slice", graph.weight("mask"), places, until, first)
    mask = graph.add("Slice", mask, first, until, graph.integers(1))
    past = graph.add("Split", graph.add("Gather", "past", "parents", axis=1), outputs=2 * LAYERS, axis=0)
    hearings = graph.size("cross_k", 1)
    by_hearing = graph.add("Concat", hearings, graph.integers(-1, HEADS, HEAD_SIZE), axis=0)
    by_row = graph.add("Concat", graph.size("tokens", 0), graph.integers(-1, STATE), axis=0)

    present = []
    for layer in range(LAYERS):
        x, kept = self_attention(graph, x, layer, past, mask)
        present += kept
        x = cross_attention(graph, x, layer, by_hearing, by_row)
        x = feed_forward(graph, x, layer)

    x = graph.add("Slice", graph.norm(x, "ln"), graph.integers(-1), graph.integers(ALL), graph.integers(1))
    x = graph.add("Squeeze", x, graph.integers(1))
    logits = graph.product(x, embedding, None, embedding_scale)
    shape = graph.add("Concat", hearings, graph.integers(-1, PIECES), axis=0)
    ratios = graph.add("Reshape", graph.add("Softmax", logits, axis=-1), shape)
    ratio = graph.add("ReduceMean", ratios, axes=[0], keepdims=0)
    score = graph.add("Log", graph.add("Add", ratio, graph.number(1e-30)))
    score = graph.add("Add", score, "allowed")
    graph.nodes.append(helper.make_node("TopK", [score, "k"], ["scores", "ids"], axis=-1))
    graph.nodes.append(helper.make_node("Concat", present, ["present"], axis=0))


def main():
    exported = onnx.load(FOLDER / "decoder.int8.onnx")
    graph = Graph({each.name: numpy_helper.to_array(each) for each in exported.graph.initializer})
    build(graph)
    value, real, whole = helper.make_tensor_value_info, TensorProto.FLOAT, TensorProto.INT64
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "whisper_step",
            [
                value("tokens", whole, ["rows", "n"]),
                value("parents", whole, ["rows"]),
                value("past", real, [2 * LAYERS, "rows_before", HEADS, "places", HEAD_SIZE]),
                value("cross_k", real, [LAYERS, "hearings", HEADS, HEAD_SIZE, "T"]),
                value("cross_v", real, [LAYERS, "hearings", HEADS, "T", HEAD_SIZE]),
                value("allowed", real, [PIECES]),
                value("k", whole, [1]),
            ],
            [
                value("scores", real, ["beams", "K"]),
                value("ids", whole, ["beams", "K"]),
                value("present", real, [2 * LAYERS, "rows", HEADS, "places_now", HEAD_SIZE]),
            ],
            list(graph.constants.values()),
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        producer_name="build-step.py",
    )
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, FOLDER / "whisper_step.int8.onnx")


if __name__ == "__main__":
    main()
