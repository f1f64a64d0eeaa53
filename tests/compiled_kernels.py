"""Compiles the Triton kernels for an H100, which needs no GPU, and says what shared memory they take.

    python tests/compiled_kernels.py float32|bfloat16|float16 CHANNELS

For the first configurations that remain after pruning, a line each: kernel, configuration, bytes.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from specc_runtime.triton_kernels import kernels, tuning

H100 = GPUTarget("cuda", 90, 32)
TYPES = {"float32": "*fp32", "bfloat16": "*bf16", "float16": "*fp16"}
SUMS = {"dweight", "drows", "dcolumns"}
TENSORS = {"x", "gate", "weight", "rows", "columns", "y", "dy", "dx", *SUMS}
TALL = 32


def shared(kernel: Any, dtype: str, known: dict[str, Any], config: triton.Config) -> int:
    """Bytes of shared memory of a kernel with the given constants; strides are multiples of 16."""
    constants = {**known, **config.kwargs}
    constants = {name: value for name, value in constants.items() if name in kernel.arg_names}
    signature, attributes = {}, {}
    for index, name in enumerate(kernel.arg_names):
        if name in constants:
            signature[name] = "constexpr"
        elif name in TENSORS:
            signature[name] = "*fp32" if name in SUMS else TYPES[dtype]
        else:
            signature[name] = "fp32" if name.endswith("scale") else "i32"
        if name in TENSORS or name.endswith(("step", "lead")) or name in ("height", "width"):
            attributes[index,] = [["tt.divisibility", 16]]
    constexprs = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    source = ASTSource(kernel, signature, constexprs, attributes)
    options = {"num_warps": config.num_warps, "num_stages": config.num_stages}
    return int(triton.compile(source, target=H100, options=options).metadata.shared)


def main(dtype: str, channels: int) -> None:
    kind = getattr(torch, dtype)
    whole = tuning.whole(channels, channels, kind)
    block = tuning.padded(channels) if whole else tuning.SIZES.block
    known: dict[str, Any] = {
        "x": torch.empty(0, dtype=kind), "IN": channels, "OUT": channels, "CHANNELS": channels,
        "GATE": False, "ROWS": True, "COLUMNS": True, "RELU": True, "WHOLE": whole, "DX": whole,
        "PRECISION": "tf32x3" if dtype == "float32" else "tf32", "TALL": TALL, "weight_in": 1,
        "BLOCK": min(tuning.padded(channels), 128), "BLOCK_IN": block, "BLOCK_OUT": block,
    }  # fmt: skip
    bare = {name: value for name, value in known.items() if name != "x"}
    backward = {**bare, "GATE": True, "ROWS": False, "COLUMNS": False, "RELU": False}
    product = tuning.WHOLE if whole else tuning.BLOCKED
    cases = [
        (kernels.product, product, tuning.product_fits, bare),
        (kernels.gradient, tuning.GRADIENT, tuning.gradient_fits, bare),
        *([] if whole else [(kernels.product, product, tuning.product_fits, backward)]),
        (kernels.pool, tuning.BOXES, tuning.box_fits, bare),
        (kernels.spread, tuning.BOXES, tuning.box_fits, bare),
    ]
    for kernel, configs, fits, constants in cases:
        for config in tuning.kept(configs, {**known, **constants}, fits)[:2]:
            print(kernel.__name__, config, shared(kernel, dtype, constants, config), sep="\t")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
