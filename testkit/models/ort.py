"""The weights and nodes of a network in onnxruntime's ORT format, as plain arrays.

`testkit.models.community1` maps them onto torch modules. The network is read, not run. The format is the
flatbuffers schema `onnxruntime/core/flatbuffers/schema/ort.fbs`; onnxruntime ships the generated reader as a
tool of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES = {
    1: np.float32,
    2: np.uint8,
    3: np.int8,
    6: np.int32,
    7: np.int64,
    9: np.bool_,
    10: np.float16,
    11: np.float64,
}
"""`TensorDataType` of the schema, as far as these networks use it."""
QUANTIZED = "_quantized"
"""Suffix of an int8 weight; `<name>_scale` and `<name>_zero_point` (both float, one per tensor) stand beside
it."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation."""

    operator: str
    name: str
    """Path of the torch module that it came from, as in `/resnet/layer1/layer1.0/conv1/Conv`."""
    inputs: tuple[str, ...]
    """Names of tensors: results of other nodes, or weights."""


@dataclass(frozen=True, slots=True)
class Network:
    """What is needed to rebuild the network elsewhere."""

    weights: Mapping[str, NDArray[Any]]
    """By tensor name; quantised ones also as float32 under their name and under `<name>_add_tensor` (what
    nodes refer to)."""
    nodes: tuple[Node, ...]
    """In order of execution."""


def network(blob: bytes) -> Network:
    """The top graph of an ORT-format file."""
    from onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs.InferenceSession import InferenceSession

    graph = InferenceSession.GetRootAsInferenceSession(bytearray(blob), 0).Model().Graph()
    weights = dict(_weight(graph.Initializers(index)) for index in range(graph.InitializersLength()))
    nodes = tuple(_node(graph.Nodes(index)) for index in range(graph.NodesLength()))
    return Network(weights | _dequantized(weights), nodes)


def _weight(tensor: Any) -> tuple[str, NDArray[Any]]:
    shape = [tensor.Dims(axis) for axis in range(tensor.DimsLength())]
    return tensor.Name().decode(), np.frombuffer(
        tensor.RawDataAsNumpy().tobytes(), TYPES[tensor.DataType()]
    ).reshape(shape)


def _node(node: Any) -> Node:
    return Node(
        node.OpType().decode(),
        node.Name().decode(),
        tuple(node.Inputs(index).decode() for index in range(node.InputsLength())),
    )


def _dequantized(weights: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for name in weights:
        if name.endswith(QUANTIZED):
            base = name.removesuffix(QUANTIZED)
            value = (
                weights[name].astype(np.float32) * weights[f"{base}_scale"] + weights[f"{base}_zero_point"]
            )
            found[base] = found[f"{base}_add_tensor"] = value
    return found
