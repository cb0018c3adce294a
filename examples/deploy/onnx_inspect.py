#!/usr/bin/env python3
"""Inspects pictures with ONNX Runtime, or OpenVINO, and a file of pfad_export: score, threshold and verdict of each.

  onnx_inspect.py [--openvino] MODEL.onnx PICTURE..

Exit status 0: no defect; 1: a defect in one of them; 2: an error."""
import sys

try:
    import numpy
    from PIL import Image, ImageOps
except ImportError as missing:
    print(f"onnx_inspect.py: {missing}", file=sys.stderr)
    sys.exit(2)


def onnx_runtime(path):
    """What the file says of itself, and pixels to scores."""
    import onnxruntime
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.get_modelmeta().custom_metadata_map, lambda pixels: session.run(["score"], {"pixels": pixels})[0]


def openvino(path):
    """The same."""
    import openvino
    model = openvino.Core().read_model(path)
    about = {key: model.get_rt_info(["framework", key]).value
             for key in ("size", "threshold") if model.has_rt_info(["framework", key])}
    # By itself it would compute in bf16 where the processor can, and the threshold was found in float.
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    network = openvino.compile_model(model, "CPU", options)
    return about, lambda pixels: network(pixels)["score"]


def pixels(path, size):
    with Image.open(path) as picture:
        picture = ImageOps.exif_transpose(picture)
        if picture.mode.startswith("I;16"):  # the upper 8 bits, as pfad takes them; Pillow would clip
            picture = Image.fromarray((numpy.asarray(picture) >> 8).astype(numpy.uint8))
        # Resized to the last bit as pfad does it: another filter gives other scores.
        return numpy.asarray(picture.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))


def main(arguments):
    load = onnx_runtime
    if arguments[:1] == ["--openvino"]:
        load, arguments = openvino, arguments[1:]
    if len(arguments) < 2:
        raise ValueError("give a model and pictures")
    about, score_of = load(arguments[0])
    if not {"size", "threshold"} <= about.keys():
        raise ValueError(f"{arguments[0]}: is not of pfad_export, it does not say its size and threshold")
    threshold = float(about["threshold"])
    defect = False
    for path in arguments[1:]:
        score = score_of(pixels(path, int(about["size"]))[None]).item()
        found = score >= threshold
        print(f"{path}  score {score:.4f}  threshold {threshold:.4f}  {'DEFECT' if found else 'good'}")
        defect = defect or found
    return 1 if defect else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Exception as problem:
        print(f"onnx_inspect.py: {' '.join(str(problem).split())}", file=sys.stderr)
        sys.exit(2)
