#!/usr/bin/env python3
"""A model on pixels by PyTorch and, where there is an ONNX file of it, by ONNX Runtime and OpenVINO.

runtimes.py MODEL PIXELS OUT [ONNX]

What pfad_conformance --runtimes calls. PIXELS is a safetensors file with `pixels`, uint8 (n, size, size, 3). OUT, a folder,
receives a file of each runtime with `maps` (n, size, size) and `scores` (n) in float; its metadata names the runtime. One that
is not installed is said to be left out.
"""
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

BATCH = 8


def by_pytorch(model):
    import torch

    import pfadseg
    network = pfadseg.load(model)

    def run(pixels):
        with torch.inference_mode():
            return [x.numpy() for x in network(pfadseg.normalised(pixels))]
    return f"PyTorch {torch.__version__.split('+')[0]}, float", run


def by_onnxruntime(onnx):
    import onnxruntime
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    return (f"ONNX Runtime {onnxruntime.__version__}, float",
            lambda pixels: session.run(["map", "score"], {"pixels": pixels}))


def by_openvino(onnx, precision):
    import openvino
    core = openvino.Core()
    network = core.compile_model(core.read_model(onnx), "CPU", {"INFERENCE_PRECISION_HINT": precision})
    if network.get_property("INFERENCE_PRECISION_HINT").to_string() != precision:
        return None  # the processor has it not

    def run(pixels):
        found = network(pixels)
        return found["map"].copy(), found["score"].copy()
    name = {"f32": "float", "bf16": "bf16"}[precision]
    return f"OpenVINO {openvino.__version__.split('-')[0]}, {name}", run


def main(model, pixels, out, onnx=None):
    pixels = load_file(pixels)["pixels"]
    ways = [("torch", lambda: by_pytorch(model))]
    if onnx:
        ways += [("onnxruntime", lambda: by_onnxruntime(onnx)), ("openvino", lambda: by_openvino(onnx, "f32")),
                 ("openvino", lambda: by_openvino(onnx, "bf16"))]
    for number, (package, make) in enumerate(ways):
        if not find_spec(package):
            print(f"{package} is not installed and left out", flush=True)
            continue
        way = make()
        if not way:
            continue
        name, run = way
        print(name, flush=True)
        parts = [run(pixels[at:at + BATCH]) for at in range(0, len(pixels), BATCH)]
        maps, scores = (np.concatenate(part) for part in zip(*parts))
        save_file({"maps": np.ascontiguousarray(maps.reshape(pixels.shape[:3])), "scores": scores},
                  Path(out) / f"{number}.safetensors", {"runtime": name})


if __name__ == "__main__":
    if not 4 <= len(sys.argv) <= 5:
        sys.exit("runtimes.py: MODEL PIXELS OUT [ONNX]")
    try:
        main(*sys.argv[1:])
    except Exception as problem:  # of three runtimes, which have no common one
        sys.exit(f"runtimes.py: {' '.join(str(problem).split())}")
