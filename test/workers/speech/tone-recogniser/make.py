"""Writes model.onnx and tokens.txt: the smallest streaming CTC model, which hears a tone as the word TONE.

`pip install onnx`, then `python3 make.py`. Its shapes are those of NeMo's streaming CTC models as sherpa-onnx reads them; each
chunk of 160 ms gives two frames, whose one number is how far the chunk's mean log energy lies above a threshold.
"""
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FRAMES = 16  # of 10 ms, a chunk
BANDS = 80
THRESHOLD = -14.5

cache = ["batch", 1, 1, 1]
inputs = [
    helper.make_tensor_value_info("audio_signal", TensorProto.FLOAT, ["batch", BANDS, FRAMES]),
    helper.make_tensor_value_info("length", TensorProto.INT64, ["batch"]),
    helper.make_tensor_value_info("cache_last_channel", TensorProto.FLOAT, cache),
    helper.make_tensor_value_info("cache_last_time", TensorProto.FLOAT, cache),
    helper.make_tensor_value_info("cache_last_channel_len", TensorProto.INT64, ["batch"]),
]
outputs = [
    helper.make_tensor_value_info("logprobs", TensorProto.FLOAT, ["batch", 2, 2]),
    helper.make_tensor_value_info("encoded_lengths", TensorProto.INT64, ["batch"]),
    helper.make_tensor_value_info("cache_last_channel_next", TensorProto.FLOAT, cache),
    helper.make_tensor_value_info("cache_last_time_next", TensorProto.FLOAT, cache),
    helper.make_tensor_value_info("cache_last_channel_next_len", TensorProto.INT64, ["batch"]),
]
constants = {
    "flat_shape": np.array([-1, 1, FRAMES * BANDS], np.int64),
    "threshold": np.array(THRESHOLD, np.float32),
    "directions": np.array([[1.0, -1.0]], np.float32),  # TONE, blank
    "twice": np.array([1, 2, 1], np.int64),
    "zero": np.array(0, np.int64),
    "two": np.array(2, np.int64),
}
nodes = [
    helper.make_node("Reshape", ["audio_signal", "flat_shape"], ["flat"]),
    helper.make_node("ReduceMean", ["flat"], ["mean"], axes=[2], keepdims=1),
    helper.make_node("Sub", ["mean", "threshold"], ["above"]),
    helper.make_node("MatMul", ["above", "directions"], ["scores"]),
    helper.make_node("Tile", ["scores", "twice"], ["frames"]),
    helper.make_node("LogSoftmax", ["frames"], ["logprobs"], axis=-1),
    helper.make_node("Mul", ["length", "zero"], ["zeros"]),
    helper.make_node("Add", ["zeros", "two"], ["encoded_lengths"]),
    helper.make_node("Identity", ["cache_last_channel"], ["cache_last_channel_next"]),
    helper.make_node("Identity", ["cache_last_time"], ["cache_last_time_next"]),
    helper.make_node("Identity", ["cache_last_channel_len"], ["cache_last_channel_next_len"]),
]
graph = helper.make_graph(
    nodes, "tone", inputs, outputs, [numpy_helper.from_array(value, name) for name, value in constants.items()]
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
model.ir_version = 8
metadata = {
    "model_type": "EncDecCTCModelBPE",
    "vocab_size": "1",
    "window_size": str(FRAMES),
    "chunk_shift": str(FRAMES),
    "subsampling_factor": "8",
    "normalize_type": "",
    **{f"cache_last_channel_dim{n}": "1" for n in (1, 2, 3)},
    **{f"cache_last_time_dim{n}": "1" for n in (1, 2, 3)},
}
for key, value in metadata.items():
    entry = model.metadata_props.add()
    entry.key, entry.value = key, value

folder = Path(__file__).parent
onnx.checker.check_model(model)
onnx.save(model, str(folder / "model.onnx"))
(folder / "tokens.txt").write_text("\u2581TONE 0\n<blk> 1\n", encoding="utf-8")
