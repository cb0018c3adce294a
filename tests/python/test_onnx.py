"""The ONNX files of pfad_export: what ONNX says of them, what ONNX Runtime and OpenVINO make of them."""
import re
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
import safetensors.torch
import torch

from support import BIN, EXAMPLES, TOLERANCE, category, inspect, pictures, random_model, refusal, run, torch_results
import pfadseg
from network import Options, ResNet18, resize, unit


def setUpModule():
    if not (BIN / "pfad_export").exists():
        raise unittest.SkipTest("pfad_export is not built")


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
        self.assertGreater(maps.std(), 100 * TOLERANCE)
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

    def test_product_map(self):
        self.agree(True, False, False, map="product")

    def test_each_pooled_norm(self):
        for norm in ("layer", "none", "pixel"):
            with self.subTest(norm=norm):
                self.agree(False, True, False, pooled_norm=norm)

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
        self.assertEqual(entries, entries | pfadseg.load(model).notes)  # and options that Python does not write
        self.assertEqual(float(entries["threshold"]), 0.5)

    def test_every_way_is_in_the_table(self):
        """pfad_conformance with the other runtimes, on four pictures."""
        folder = self.folder / "category"
        for part in ("test/good", "test/pit", "ground_truth/pit"):
            (folder / part).mkdir(parents=True)
            for picture in sorted((category() / "demo/flange" / part).iterdir())[:2]:
                shutil.copy(picture, folder / part)
        model, file = self.exported(Options(aff=False))
        command = f"{sys.executable} {EXAMPLES / 'runtimes.py'}"
        said = run("pfad_conformance", "--model", model, "--data", folder, "--onnx", file, "--runtimes", command)
        rows = re.findall(r"^(\S.*?)  +(\d\.\S+) +(\d\.\S+) +\d", said[said.index("largest difference"):], re.M)
        for name in ("oneDNN, float", f"PyTorch {torch.__version__.split('+')[0]}, float",
                     f"ONNX Runtime {onnxruntime.__version__}, float",
                     f"OpenVINO {openvino.__version__.split('-')[0]}, float"):
            self.assertIn(name, [row[0] for row in rows])
        for name, score, map_ in rows:
            most = 0.05 if "bf16" in name else TOLERANCE
            self.assertLess(max(float(score), float(map_)), most, name)
        changed = self.folder / "changed.safetensors"  # PyTorch has another network than pfad then
        network = pfadseg.load(model)
        network.segmentation.out.bias.data += 0.1
        pfadseg.save(network, changed)
        run("pfad_export", "--model", changed, "--onnx", file)
        said = run("pfad_conformance", "--model", model, "--data", folder, "--onnx", file, "--runtimes", command)
        self.assertRegex(said, r"\nONNX Runtime \S+, float +[0-9.]+e-02 ")


class STPM(InFolder):
    def test_a_trained_one(self):
        """Against its map in PyTorch: its values are tiny, so that all of it is relative."""
        tiny, size, model, file = category() / "tiny", 72, self.folder / "model.safetensors", self.folder / "model.onnx"
        run("pfad_train", "--method", "stpm", "--data", tiny, "--teacher", "random", "--out", self.folder,
            "--size", size, "--batch", 2, "--iterations", 2)
        run("pfad_export", "--model", model, "--onnx", file)
        onnx.checker.check_model(file, full_check=True)
        pixels = np.stack([pfadseg.resized(picture, size) for picture in pictures()])
        arrays, x, maps = safetensors.torch.load_file(model), pfadseg.normalised(pixels), 1
        levels = []
        for part in ("teacher.", "student."):
            trunk = ResNet18(3).eval()
            trunk.load_state_dict({name.removeprefix(part): a for name, a in arrays.items() if name.startswith(part)})
            levels.append([unit(level) for level in trunk(x)])
        for teacher, student in zip(*levels):
            maps = maps * resize(((teacher - student) ** 2).sum(1, keepdim=True) / 2, (size, size))
        maps = maps.detach().numpy()[:, 0]
        scores = [seen["score"] for seen in inspect(model, pictures())]
        np.testing.assert_allclose(scores, maps.max((1, 2)), rtol=1e-4)
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        compiled = openvino.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        for batch in ([0, 1], [1]):
            found = session.run(["map", "score"], {"pixels": pixels[batch]})
            other = compiled(pixels[batch])
            for there in (found, (other["map"], other["score"])):
                np.testing.assert_allclose(there[0], maps[batch], rtol=0, atol=1e-4 * maps.max())
                np.testing.assert_allclose(there[1], np.array(scores)[batch], rtol=1e-4)


class DeSTSeg(InFolder):
    """Checkpoints of DeSTSeg become models."""

    PARTS = (("teacher.", "teacher_net.encoder."), ("student.encoder.", "student_net.encoder."),
             ("student.decoder", "student_net.decoder_layer"), ("segmentation.res.", "segmentation_net.res."),
             ("segmentation.context.pool.", "segmentation_net.head.0.aspp_feature_extractors.0.1."),
             *((f"segmentation.context.atrous.{i}.", f"segmentation_net.head.0.aspp_feature_extractors.{i + 1}.")
               for i in range(3)),
             ("segmentation.context.fuse.", "segmentation_net.head.0.aspp_fusion_layer."),
             ("segmentation.head.", "segmentation_net.head.1."), ("segmentation.head_bn.", "segmentation_net.head.2."),
             ("segmentation.out.", "segmentation_net.head.4."))

    def checkpoint(self, network):
        """Its arrays under DeSTSeg's names, for a similarity of the other sign."""
        arrays = {}
        for name, array in network.state_dict().items():
            if name in ("segmentation.res.0.conv1.weight", "segmentation.res.0.downsample.0.weight"):
                array = -array
            here, there = next(part for part in self.PARTS if name.startswith(part[0]))
            there += name[len(here):]
            arrays[there.replace(".bn.", ".norm.") if "aspp" in there else there] = array
        return arrays

    def test_a_checkpoint_becomes_a_model_and_an_onnx_file(self):
        network = random_model(Options(False, False, False), size=256)
        file, model = self.folder / "destseg.pckl", self.folder / "model.safetensors"
        torch.save(self.checkpoint(network), file)
        run("pfad_export", "--import-destseg", file, "--pfad", model)
        run("pfad_export", "--import-destseg", file, "--onnx", self.folder / "model.onnx")
        maps, scores = torch_results(network, pictures())
        self.assertGreater(maps.std(), 100 * TOLERANCE)
        for score, seen in zip(scores, inspect(model, pictures()), strict=True):
            self.assertAlmostEqual(score, seen["score"], delta=TOLERANCE)
        session = onnxruntime.InferenceSession(self.folder / "model.onnx", providers=["CPUExecutionProvider"])
        pixels = np.stack([pfadseg.resized(picture, 256) for picture in pictures()])
        np.testing.assert_allclose(session.run(["map"], {"pixels": pixels})[0], maps, rtol=0, atol=TOLERANCE)
        read = pfadseg.load(model)
        self.assertEqual((read.options, read.size, read.threshold), (network.options, 256, 0.5))

    def test_what_is_none_is_refused(self):
        arrays = self.checkpoint(random_model(Options(False, False, False)))
        arrays.pop("teacher_net.encoder.conv1.weight")
        file = self.folder / "destseg.pckl"
        torch.save(arrays, file)
        refusal(self, "has no tensor `teacher_net.encoder.conv1.weight`", "pfad_export", "--import-destseg", file,
                "--pfad", self.folder / "model.safetensors")
        self.assertEqual(list(self.folder.iterdir()), [file])
