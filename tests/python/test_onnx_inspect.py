"""examples/deploy/onnx_inspect.py with a file of pfad_export's names, types and metadata that scores the mean of the
pixels."""
import importlib.util
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIZE = 32
MISSING = [name for name in ("onnx", "numpy", "PIL") if not importlib.util.find_spec(name)]


def write_model(path, about):
    from onnx import TensorProto, helper
    graph = helper.make_graph(
        [helper.make_node("Cast", ["pixels"], ["values"], to=TensorProto.FLOAT),
         helper.make_node("Div", ["values", "white"], ["shares"]),
         helper.make_node("ReduceMean", ["shares"], ["map"], axes=[3], keepdims=0),
         helper.make_node("ReduceMean", ["map"], ["score"], axes=[1, 2], keepdims=0)], "inspection",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, ["batch", SIZE, SIZE]),
         helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch"])],
        [helper.make_tensor("white", TensorProto.FLOAT, [], [255])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, about)
    Path(path).write_bytes(model.SerializeToString())


class Program:
    options = []

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        write_model(self.folder / "model.onnx", {"size": str(SIZE), "threshold": "0.75"})
        from PIL import Image
        for name, grey in (("dark", 51), ("light", 204)):
            Image.new("L", (90, 70), grey).save(self.folder / f"{name}.png")

    def inspect(self, *arguments):
        return subprocess.run([sys.executable, ROOT / "examples/deploy/onnx_inspect.py", *self.options, *arguments],
                              cwd=self.folder, text=True, capture_output=True, timeout=120)

    def test_tells_scores_and_verdicts(self):
        done = self.inspect("model.onnx", "dark.png", "light.png")
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.stdout, "dark.png  score 0.2000  threshold 0.7500  good\n"
                                      "light.png  score 0.8000  threshold 0.7500  DEFECT\n")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.inspect("model.onnx", "dark.png").returncode, 0)

    def test_grey_of_16_bits_counts_by_its_upper_8(self):
        import numpy
        from PIL import Image
        Image.fromarray(numpy.full((70, 90), 51 * 257, numpy.uint16)).save(self.folder / "deep.png")
        self.assertEqual(self.inspect("model.onnx", "deep.png").stdout,
                         "deep.png  score 0.2000  threshold 0.7500  good\n")

    def test_refuses_in_one_line(self):
        write_model(self.folder / "other.onnx", {"size": str(SIZE)})
        for arguments, said in (([], "give a model"), (["other.onnx", "dark.png"], "is not of pfad_export"),
                                (["absent.onnx", "dark.png"], "absent.onnx"), (["model.onnx", "absent.png"], "absent.png")):
            done = self.inspect(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, rf"\Aonnx_inspect\.py: .*{said}.*\n\Z")


@unittest.skipIf(MISSING, f"no {', '.join(MISSING)} to import")
@unittest.skipUnless(importlib.util.find_spec("onnxruntime"), "no onnxruntime to import")
class OnnxRuntime(Program, unittest.TestCase):
    pass


@unittest.skipIf(MISSING, f"no {', '.join(MISSING)} to import")
@unittest.skipUnless(importlib.util.find_spec("openvino"), "no openvino to import")
class OpenVino(Program, unittest.TestCase):
    options = ["--openvino"]


if __name__ == "__main__":
    unittest.main()
