#!/usr/bin/env python3
"""Times inspection by a runtime for inference: the network of bench_torch.py, exported to ONNX.

peer_runtimes.py <bench_torch.py> --runtime onnxruntime|openvino [--dtype float32|bfloat16] [--size 256]
                 [--batch 16] [--threads 2] [--repeat 20] [--destseg] [--prepare]

Prints one JSON line, as bench_torch.py does for its job infer. The network is model.py beside bench_torch.py, with running
statistics of its input as there. Before it is timed, the map is compared with PyTorch's in float. The exported file, the
pictures and PyTorch's map are kept in onnx/ beside the virtual environment's bin/, where a process of its own makes them with
PyTorch: the one that is timed holds the runtime alone. --prepare ends there.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

ap = argparse.ArgumentParser()
ap.add_argument("bench_torch", help="the path of bench_torch.py")
ap.add_argument("--runtime", required=True, choices=["onnxruntime", "openvino"])
ap.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
ap.add_argument("--size", type=int, default=256)
ap.add_argument("--batch", type=int, default=16)
ap.add_argument("--repeat", type=int, default=20)
ap.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
ap.add_argument("--destseg", action="store_true", help="all three modules off")
ap.add_argument("--prepare", action="store_true", help="export the network, where that is not done, and time nothing")
ap.add_argument("--export", help=argparse.SUPPRESS)
a = ap.parse_args()
folder = os.path.join(sys.prefix, "onnx")
stem = os.path.join(folder, f"{'all_off' if a.destseg else 'all_on'}-{a.size}")


def die(sentence):
    sys.exit(f"peer_runtimes.py: {sentence}")


def export(stem):
    """Writes the network for batches of any size, 16 pictures and their map."""
    import numpy
    import torch
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.dirname(os.path.abspath(a.bench_torch)))
    import model
    torch.manual_seed(1)
    net = model.PFADSeg(**(dict(rcm=False, aff=False, pcar=False) if a.destseg else {}))
    # Pictures of one brightness have features of one mean, whose tiny variance, normalised, makes much of rounding.
    x = torch.rand(16, 3, a.size, a.size) * torch.rand(16, 3, 1, 1)
    with torch.no_grad():
        for m in net.modules():
            if isinstance(m, torch.nn.BatchNorm2d):
                m.momentum = 1.0
        net.train()(x)
        y = net.eval()(x)
        torch.onnx.export(net, (x,), stem + ".onnx", input_names=["image"], output_names=["map"], external_data=False,
                          dynamic_shapes=({0: torch.export.Dim("batch")},))
    numpy.savez(stem + ".npz", x=x.numpy(), y=y.numpy())


def prepare():
    """Has a process export the network, unless its files are newer than what they are made from."""
    made_from = [os.path.join(os.path.dirname(os.path.abspath(a.bench_torch)), "model.py"), os.path.abspath(__file__)]
    for path in made_from:
        if not os.path.exists(path):
            die(f"{path} is not there")
    files = [stem + ".onnx", stem + ".npz"]
    if all(os.path.exists(f) for f in files) and min(map(os.path.getmtime, files)) > max(map(os.path.getmtime, made_from)):
        return
    os.makedirs(folder, exist_ok=True)
    part = f"{stem}.{os.getpid()}"
    done = subprocess.run([sys.executable] + sys.argv + ["--export", part], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        die(f"the network cannot be exported: {(done.stdout.splitlines() or ['no word why'])[-1]}")
    for f in files:
        os.replace(part + f[len(stem):], f)


def onnxruntime(x):
    """A step, and the runtime's version."""
    import onnxruntime as ort
    if a.dtype != "float32":
        die("ONNX Runtime is timed in float32 alone")
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = a.threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    options.add_free_dimension_override_by_name("batch", a.batch)
    session = ort.InferenceSession(stem + ".onnx", options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"image": x})[0], f"onnxruntime {ort.__version__}"


def openvino(x):
    import openvino as ov
    core = ov.Core()
    network = core.read_model(stem + ".onnx")
    network.reshape(list(x.shape))
    compiled = core.compile_model(network, "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": a.threads,
        "INFERENCE_PRECISION_HINT": "bf16" if a.dtype == "bfloat16" else "f32", "CPU_DENORMALS_OPTIMIZATION": True})
    if compiled.get_property("INFERENCE_PRECISION_HINT").to_string() != ("bf16" if a.dtype == "bfloat16" else "f32"):
        die(f"OpenVINO does not infer in {a.dtype} on this processor")
    request = compiled.create_infer_request()
    return lambda: request.infer([x], share_inputs=True, share_outputs=True)[0], f"openvino {ov.__version__.split('-')[0]}"


if a.export:
    export(a.export)
    sys.exit()
prepare()
if a.prepare:
    sys.exit()
import numpy

kept = numpy.load(stem + ".npz")
x, expected = (numpy.resize(kept[name], (a.batch,) + kept[name].shape[1:]) for name in "xy")
step, peer = {"onnxruntime": onnxruntime, "openvino": openvino}[a.runtime](x)
found = step()
error = float(numpy.abs(found - expected).max() / numpy.abs(expected).max())
likeness = float(numpy.corrcoef(found.ravel(), expected.ravel())[0, 1])
if a.dtype == "float32" and not error <= 1e-3:
    die(f"the map of {peer} differs from PyTorch's by {error:.2g} of its largest value, more than 0.001")
# bfloat16 moves the map of random weights far: PyTorch's own correlates with that in float by 0.75.
if a.dtype != "float32" and not likeness >= 0.5:
    die(f"the map of {peer} in {a.dtype} correlates with PyTorch's by {likeness:.2g}, less than 0.5")
out = []
for _ in range(a.repeat):
    t = time.perf_counter()
    step()
    out.append(1e3 * (time.perf_counter() - t))
ms = statistics.median(out)
print(json.dumps({"peer": peer, "job": "infer", "device": "cpu", "dtype": a.dtype, "size": a.size, "batch": a.batch,
                  "ms": round(ms, 4), "min_ms": round(min(out), 4), "max_ms": round(max(out), 4),
                  "images_per_s": round(1e3 * a.batch / ms, 1), "error": error, "likeness": round(likeness, 4)}))
