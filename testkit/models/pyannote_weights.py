"""Networks in ORT format written as pyannote checkpoints: the mapping of names, gate orders and folded
layers.

Called by `testkit.models.community1` only. Built against pyannote.audio 4.0.7: every key of the torch
module's state dict must be filled, or this raises, so that no weight is ever left as initialised.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from testkit.models.ort import Network, Node

with warnings.catch_warnings():
    # pyannote warns at import where no system ffmpeg is found for torchcodec; nothing here decodes a file.
    warnings.filterwarnings("ignore", message=r"\s*torchcodec is not installed correctly")
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.embedding import WeSpeakerResNet34
    from pyannote.audio.models.segmentation import PyanNet

HIDDEN = 128
"""Units of each LSTM direction of community-1's segmentation network."""
BATCH_NORM_EPSILON = 1e-5
"""torch's default: what `BatchNorm2d` adds to the variance."""
VERSIONS = {"torch": "2.9.1", "pyannote.audio": "4.0.7"}
"""Written into the checkpoint as constants: a local build tag such as `+cpu` would change the bytes."""


def save_segmentation(network: Network, folder: Path) -> None:
    """Write `<folder>/pytorch_model.bin`: PyanNet with 7 powerset classes (3 speakers, at most 2 at once),
    10-s windows.

    Raises:
        ValueError: the network's weights do not fill PyanNet's.
    """
    specifications = Specifications(
        problem=Problem.MONO_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=10.0,
        min_duration=None,
        warm_up=(0.0, 0.0),
        classes=["speaker#1", "speaker#2", "speaker#3"],
        powerset_max_classes=2,
        permutation_invariant=True,
    )
    model = PyanNet(
        sincnet={"stride": 10},
        lstm={"hidden_size": HIDDEN, "num_layers": 4, "bidirectional": True, "monolithic": True},
        linear={"hidden_size": HIDDEN, "num_layers": 2},
    )
    model.specifications = specifications
    model.build()
    own = model.state_dict()
    found = {
        name: _tensor(network.weights[f"inner.{name}"]).reshape(own[name].shape)
        for name in own
        if f"inner.{name}" in network.weights
    }
    lstms = [node for node in network.nodes if node.operator == "LSTM"]
    for layer, node in enumerate(lstms):
        found |= _lstm(layer, node, network.weights)
    for node in network.nodes:
        if node.operator == "MatMul" and node.name.startswith(("/inner/linear", "/inner/classifier")):
            found[f"{node.name.split('/')[2]}.weight"] = _tensor(network.weights[node.inputs[1]].T)
    _save(model, found, specifications, folder)


def _lstm(layer: int, node: Node, weights: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """One bidirectional layer. ONNX orders the gates i, o, f, c and torch i, f, g, o (operator LSTM;
    `torch.nn.LSTM`)."""
    inputs, recurrent, biases = (weights[name] for name in node.inputs[1:4])
    found: dict[str, Tensor] = {}
    for direction, suffix in enumerate(("", "_reverse")):
        end = f"l{layer}{suffix}"
        bias = biases[direction]
        found[f"lstm.weight_ih_{end}"] = _gates(inputs[direction])
        found[f"lstm.weight_hh_{end}"] = _gates(recurrent[direction])
        found[f"lstm.bias_ih_{end}"] = _gates(bias[: 4 * HIDDEN])
        found[f"lstm.bias_hh_{end}"] = _gates(bias[4 * HIDDEN :])
    return found


def _gates(stacked: NDArray[Any]) -> Tensor:
    i, o, f, c = np.split(stacked, 4)
    return _tensor(np.concatenate([i, f, c, o]))


def save_embedding(network: Network, folder: Path) -> None:
    """Write `<folder>/pytorch_model.bin`: WeSpeaker's ResNet34, 256 dimensions.

    The export folded each BatchNorm into the convolution before it; here the convolution keeps the folded
    weight, and the BatchNorm becomes the identity plus the folded bias.

    Raises:
        ValueError: the network's weights do not fill the ResNet's.
    """
    model = WeSpeakerResNet34()
    found = {
        f"resnet.seg_1.{name}": _tensor(network.weights[f"resnet.seg_1.{name}"])
        for name in ("weight", "bias")
    }
    for node in network.nodes:
        if node.operator == "Conv":
            convolution, norm = _convolution(node.name)
            bias = _tensor(network.weights[node.inputs[2]])
            found[f"{convolution}.weight"] = _tensor(network.weights[node.inputs[1]])
            found[f"{norm}.weight"] = torch.ones_like(bias)
            found[f"{norm}.bias"] = bias
            found[f"{norm}.running_mean"] = torch.zeros_like(bias)
            found[f"{norm}.running_var"] = torch.ones_like(bias) - BATCH_NORM_EPSILON
            found[f"{norm}.num_batches_tracked"] = torch.zeros((), dtype=torch.int64)
    _save(
        model,
        found,
        Specifications(problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=5.0),
        folder,
    )


def _convolution(name: str) -> tuple[str, str]:
    """The state-dict prefixes of a convolution node and of its BatchNorm."""
    path = name.split("/")[1:-1]
    if path[1] == "conv1":
        return "resnet.conv1", "resnet.bn1"
    block, part = f"resnet.{path[2]}", path[-1]
    if part.startswith("shortcut"):
        return f"{block}.shortcut.0", f"{block}.shortcut.1"
    return f"{block}.{part}", f"{block}.bn{part[-1]}"


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.tensor(np.ascontiguousarray(array))


def _save(
    model: PyanNet | WeSpeakerResNet34,
    weights: dict[str, Tensor],
    specifications: Specifications,
    folder: Path,
) -> None:
    own = model.state_dict()
    if wrong := sorted(set(own) ^ set(weights)):
        raise ValueError(f"{type(model).__name__}: weights that are missing or too many: {', '.join(wrong)}")
    ordered = {name: weights[name] for name in own}  # in the module's order, not in the graph's
    if wrong := sorted(name for name in own if ordered[name].shape != own[name].shape):
        raise ValueError(f"{type(model).__name__}: weights of another shape: {', '.join(wrong)}")
    hyper_parameters = {name: value for name, value in dict(model.hparams).items() if name != "task"}
    architecture = {"module": type(model).__module__, "class": type(model).__name__}
    folder.mkdir()
    torch.save(
        {
            "pytorch-lightning_version": "2.6.0",
            "state_dict": ordered,
            "hparams_name": "kwargs",
            "hyper_parameters": hyper_parameters,
            "pyannote.audio": {
                "versions": VERSIONS,
                "architecture": architecture,
                "specifications": specifications,
            },
        },
        folder / "pytorch_model.bin",
    )
