"""What the tests in Python share: the programs, a tiny category, networks of random weights."""
import functools
import io
import json
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "pytorch"
sys.path.insert(0, str(EXAMPLES))

import pfadseg  # noqa: E402  found by the line above
from network import Options, PFADSeg  # noqa: E402

BIN = Path(os.environ.get("PFAD_BIN", ROOT / "build/release/bin")).resolve()
TOLERANCE = 1e-5  # of a score and of a map; float rounds to 1e-7 of it

torch.set_num_threads(len(os.sched_getaffinity(0)))


def started(program, *arguments):
    """Exit status, standard output and error of a program of pfad, or of a script of examples/pytorch, which runs in
    this process: PyTorch is imported once."""
    arguments = [str(argument) for argument in arguments]
    if not program.endswith(".py"):
        done = subprocess.run([BIN / program, *arguments], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr
    out, error = io.StringIO(), io.StringIO()
    command = [str(EXAMPLES / program), *arguments]
    with unittest.mock.patch("sys.argv", command), redirect_stdout(out), redirect_stderr(error):
        try:
            runpy.run_path(command[0], run_name="__main__")
            status = 0
        except SystemExit as end:
            status = end.code or 0
    return status, out.getvalue(), error.getvalue()


def run(program, *arguments, expect=(0,)):
    """Its standard output. Fails on another exit status."""
    status, said, error = started(program, *arguments)
    if status not in expect:
        raise AssertionError(f"{program} {arguments}: status {status}: {error}")
    return said


def refusal(case, pattern, program, *arguments):
    """Checks that a program ends with status 2 and one sentence that matches the pattern."""
    status, _, error = started(program, *arguments)
    case.assertEqual(status, 2, error)
    case.assertRegex(error, rf"\A{program}: [^\n]*{pattern}[^\n]*\n\Z")


@functools.cache
def category():
    """A folder with tiny/, some of the demo's pictures in the layout of MVTec AD, and paint/, two textures."""
    folder = Path(tempfile.mkdtemp())
    unittest.addModuleCleanup(shutil.rmtree, folder)
    unittest.addModuleCleanup(category.cache_clear)
    run("pfad_make_demo", "--out", folder / "demo")
    for start, to, count in (("flange/train/good", "tiny/train/good", 4), ("flange/test/good", "tiny/test/good", 1),
                             ("flange/test/pit", "tiny/test/pit", 1), ("textures", "paint", 2),
                             ("flange/ground_truth/pit", "tiny/ground_truth/pit", 1)):
        (folder / to).mkdir(parents=True)
        for picture in sorted((folder / "demo" / start).iterdir())[:count]:
            shutil.copy(picture, folder / to)
    return folder


def pictures():
    """A good picture, and one with a defect."""
    test = category() / "tiny/test"
    return [test / "good/000.png", test / "pit/000.png"]


def random_model(options=Options(), size=64, seed=0):
    """A network of random weights with batch norms that fit the pictures, so that its map is neither 0 nor 1."""
    torch.manual_seed(seed)
    model = PFADSeg(options, size, 0.5, {"teacher": "random", "command": "none"})
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.weight.data.uniform_(0.75, 1.25)
        norm.bias.data.normal_(0, 0.2)
        norm.momentum = 1
    for norm in [module for module in model.modules() if isinstance(module, torch.nn.LayerNorm)]:
        norm.weight.data.uniform_(0.75, 1.25)
        norm.bias.data.normal_(0, 0.2)
    if options.rcm:
        model.segmentation.context.layer_scale.data.normal_(0, 5)
        model.segmentation.context.fc1.weight.data.mul_(4)
    with torch.no_grad():
        model.train()(pfadseg.to_input(sorted((category() / "tiny/train/good").iterdir()), size))
    for norm in norms:
        norm.momentum = 0.1
        # Means over a picture hardly differ: dividing by that would magnify the rounding of float.
        norm.running_var.clamp_(min=0.1)
    return model.eval()


def inspect(model_file, files, threshold=None):
    """The objects of pfad_inspect --json."""
    more = () if threshold is None else ("--threshold", threshold)
    said = run("pfad_inspect", "--json", "--model", model_file, *files, *more, expect=(0, 1))
    return [json.loads(line) for line in said.splitlines()]


def torch_results(model, files):
    """Maps (n, size, size) and scores (n) as arrays."""
    with torch.inference_mode():
        maps, scores = model(pfadseg.to_input(files, model.size))
    return maps[:, 0].numpy().astype(np.float64), scores.numpy().astype(np.float64)


@functools.cache
def trained():
    """A model of pfad_train with everything on."""
    data = category()
    unittest.addModuleCleanup(trained.cache_clear)
    run("pfad_train", "--data", data / "tiny", "--textures", data / "paint", "--teacher", "random", "--out",
        data / "run", "--size", 64, "--batch", 2, "--checkpoint-every", 0, "--student-iterations", 3,
        "--segmentation-iterations", 3)
    return data / "run/model.safetensors"


def same_arrays(a, b):
    """Names of the arrays of two files, and whether they have the same bytes in both; the names are the same."""
    a, b = safetensors.torch.load_file(a), safetensors.torch.load_file(b)
    if a.keys() != b.keys():
        raise AssertionError(f"only in one of the files: {sorted(a.keys() ^ b.keys())}")
    return {name: torch.equal(array.flatten().view(torch.uint8), b[name].flatten().view(torch.uint8))
            for name, array in a.items()}


class InFolder(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def assert_agree(self, path, model, files):
        """The scores, and of a map what lies above a threshold in its midst: where, how many pixels, how high."""
        small = self.folder / "small.png"  # of the model's size, so that its map is not resized
        Image.fromarray(pfadseg.resized(files[0], model.size)).save(small)
        maps, scores = torch_results(model, [*files, small])
        values = np.sort(maps[-1].flatten())
        widest = len(values) // 4 + np.diff(values[len(values) // 4:len(values) * 3 // 4]).argmax()
        threshold = values[widest:widest + 2].mean()
        seen = inspect(path, [*files, small], threshold)
        for here, there in zip(scores, seen, strict=True):
            self.assertAlmostEqual(here, there["score"], delta=TOLERANCE)
        regions, above = seen[-1]["regions"], maps[-1] >= threshold
        areas = np.array([region["area"] for region in regions])
        means = np.array([region["mean"] for region in regions])
        near = (np.abs(maps[-1] - threshold) < 1e-6).sum()  # pixels that rounding may put on either side
        self.assertLess(near, 10)
        self.assertAlmostEqual(areas.sum(), above.sum(), delta=near)
        self.assertAlmostEqual((areas * means).sum() / areas.sum(), maps[-1][above].mean(), delta=TOLERANCE)
        self.assertAlmostEqual(max(region["peak"] for region in regions), maps[-1].max(), delta=TOLERANCE)
        boxes = np.zeros_like(above)
        for region in regions:
            left, top = region["left"], region["top"]
            boxes[top:top + region["height"], left:left + region["width"]] = True
        self.assertTrue(boxes[maps[-1] >= threshold + 1e-6].all())
        small.unlink()
