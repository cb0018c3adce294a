"""The ONNX files of pfad_export: what ONNX says of them, what ONNX Runtime and OpenVINO make of them."""
import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino

from support import BIN, EXAMPLES, TOLERANCE, category, inspect, pictures, random_model, run
import pfadseg
from network import Options


class InFolder(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def exported(self, options, size=64):
        """The paths of a network of random weights as a model and as ONNX."""
        model, file = self.folder / "model.safetensors", self.folder / "model.onnx"
        pfadseg.save(random_model(options, size), model)
        run("pfad_export", "--model", model, "--onnx", file)
        return model, file


class Rows(InFolder):
    """The rows of the paper's Table 4, at sizes whose maps halve evenly and not."""

    def agree(self, *switches, size=64, **more):
        model, file = self.exported(Options(*switches, **more), size)
        onnx.checker.check_model(file, full_check=True)
        pixels = np.stack([pfadseg.resized(picture, size) for picture in pictures()])
        network = pfadseg.load(model)
        maps = network(pfadseg.normalised(pixels))[0].detach().numpy()[:, 0]
        self.assertGreater(maps.std(), 0.01)
        scores = [seen["score"] for seen in inspect(model, pictures())]
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        compiled = openvino.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        for batch in ([0, 1], [1]):
            found = session.run(["map", "score"], {"pixels": pixels[batch]})
            other = compiled(pixels[batch])
            for there in (found, (other["map"], other["score"])):
                self.assertEqual((there[0].shape, there[1].shape), ((len(batch), size, size), (len(batch),)))
                np.testing.assert_allclose(there[0], maps[batch], rtol=0, atol=TOLERANCE)
                np.testing.assert_allclose(there[1], np.array(scores)[batch], rtol=0, atol=TOLERANCE)

    def test_destseg(self):
        self.agree(False, False, False)

    def test_rcm(self):
        self.agree(True, False, False, size=50)

    def test_aff(self):
        self.agree(False, True, False)

    def test_pcar(self):
        self.agree(False, False, True, size=33)

    def test_rcm_pcar(self):
        self.agree(True, False, True)

    def test_aff_pcar(self):
        self.agree(False, True, True)

    def test_pfadseg(self):
        self.agree(True, True, True, size=72)

    def test_plain_decoder_and_another_rcm(self):
        self.agree(True, False, True, plain_decoder=True, rcm_band=7, rcm_mlp_ratio=1)


class Files(InFolder):
    def test_the_metadata_is_the_models(self):
        model, file = self.exported(Options(aff=False, pcar=False))
        entries = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
        self.assertEqual(entries, pfadseg.load(model).notes)
        self.assertEqual(float(entries["threshold"]), 0.5)

    def test_every_way_is_in_the_table(self):
        """pfad_conformance with the other runtimes, on four pictures."""
        folder = self.folder / "category"
        for part in ("test/good", "test/pit", "ground_truth/pit"):
            (folder / part).mkdir(parents=True)
            for picture in sorted((category() / "demo/flange" / part).iterdir())[:2]:
                shutil.copy(picture, folder / part)
        model, file = self.exported(Options(aff=False))
        command = f"{shutil.which('python3')} {EXAMPLES / 'runtimes.py'}"
        said = run("pfad_conformance", "--model", model, "--data", folder, "--onnx", file, "--runtimes", command)
        lines = said[said.index("largest difference"):].splitlines()[1:]
        print(said)
