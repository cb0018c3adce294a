"""examples/deploy/triton without a server: its configuration as Triton reads it, beside a file of pfad_export,
and its client against a server that speaks Triton's protocol and scores the mean of the pixels."""
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest
from concurrent import futures
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/deploy/triton"
PROGRAMS = Path(os.environ.get("PFAD_BIN", ROOT / "build/release/bin"))
SIZE = 64  # of the model that is made here
MISSING = [name for name in ("tritonclient", "grpc", "onnx", "numpy", "PIL") if not importlib.util.find_spec(name)]
PROGRAM_MISSING = [name for name in ("make_demo", "train", "export") if not (PROGRAMS / f"pfad_{name}").is_file()]

if not MISSING:
    import grpc
    import numpy
    import onnx
    from google.protobuf import text_format
    from PIL import Image
    from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

    class Server(service_pb2_grpc.GRPCInferenceServiceServicer):
        def ModelMetadata(self, request, context):
            answer = service_pb2.ModelMetadataResponse(name=request.name)
            answer.inputs.add(name="pixels", datatype="UINT8", shape=[-1, SIZE, SIZE, 3])
            return answer

        def ModelInfer(self, request, context):
            given = request.inputs[0]
            if (request.model_name, given.name, given.datatype, list(given.shape)) != (
                    "pfadseg", "pixels", "UINT8", [1, SIZE, SIZE, 3]):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "unexpected shape")
            values = numpy.frombuffer(request.raw_input_contents[0], numpy.uint8)
            score = numpy.float32(values.mean(dtype=numpy.float64) / 255)
            answer = service_pb2.ModelInferResponse(model_name=request.model_name)
            answer.outputs.add(name="score", datatype="FP32", shape=[1, 1])
            answer.raw_output_contents.append(score.tobytes())
            return answer


def program(name, *arguments):
    subprocess.run([PROGRAMS / f"pfad_{name}", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


@unittest.skipIf(MISSING, f"no {', '.join(MISSING)} to import")
class Configuration(unittest.TestCase):
    def setUp(self):
        self.config = text_format.Parse((EXAMPLE / "models/pfadseg/config.pbtxt").read_text(),
                                        model_config_pb2.ModelConfig())

    def test_batches_requests_of_the_onnx_runtime_backend(self):
        self.assertEqual(self.config.name, "pfadseg")  # its folder
        self.assertEqual(self.config.platform, "onnxruntime_onnx")
        self.assertGreater(self.config.max_batch_size, 1)
        self.assertGreater(self.config.dynamic_batching.max_queue_delay_microseconds, 0)
        self.assertEqual([group.count for group in self.config.instance_group], [1])

    @unittest.skipIf(PROGRAM_MISSING, f"{PROGRAMS} has no pfad_{', pfad_'.join(PROGRAM_MISSING)}")
    def test_names_types_and_extents_are_those_of_the_file(self):
        with tempfile.TemporaryDirectory() as work:
            work = Path(work)
            program("make_demo", "--out", work / "demo")
            program("train", "--data", work / "demo/flange", "--textures", work / "demo/textures", "--teacher", "random",
                    "--out", work / "run", "--size", SIZE, "--batch", 2, "--rcm", "off", "--aff", "off", "--pcar", "off",
                    "--student-iterations", 1, "--segmentation-iterations", 1)
            program("export", "--model", work / "run/model.safetensors", "--onnx", work / "model.onnx")
            graph = onnx.load(work / "model.onnx").graph
        types = {onnx.TensorProto.UINT8: model_config_pb2.TYPE_UINT8, onnx.TensorProto.FLOAT: model_config_pb2.TYPE_FP32}

        def in_file(values):
            return {value.name: (types[value.type.tensor_type.elem_type],
                                 [d.dim_value if d.HasField("dim_value") else -1 for d in value.type.tensor_type.shape.dim])
                    for value in values}

        def in_config(values):
            # The batch stands in front; the configuration is for another size.
            return {value.name: (value.data_type, [-1] + [SIZE if d == 256 else d for d in
                                 (value.reshape.shape if value.HasField("reshape") else value.dims)]) for value in values}

        self.assertEqual(in_config(self.config.input), in_file(graph.input))
        self.assertEqual(in_config(self.config.output), in_file(graph.output))


@unittest.skipIf(MISSING, f"no {', '.join(MISSING)} to import")
class Client(unittest.TestCase):
    def setUp(self):
        self.server = grpc.server(futures.ThreadPoolExecutor(1))
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Server(), self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()
        self.addCleanup(lambda: self.server.stop(None).wait())
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for name, grey in (("dark", 51), ("light", 204)):
            Image.new("L", (90, 70), grey).save(self.folder / f"{name}.png")

    def client(self, *arguments):
        return subprocess.run([sys.executable, EXAMPLE / "client.py", *map(str, arguments)], cwd=self.folder, text=True,
                              capture_output=True, timeout=60)

    def test_tells_scores_and_verdicts(self):
        done = self.client(self.address, 0.75, "dark.png", "light.png")
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.stdout, "dark.png  score 0.2000  threshold 0.7500  good\n"
                                      "light.png  score 0.8000  threshold 0.7500  DEFECT\n")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.client(self.address, 0.9, "dark.png", "light.png").returncode, 0)

    def test_refuses_in_one_line(self):
        for arguments, said in (((self.address, 0.5), "give HOST:PORT"), ((self.address, "half", "dark.png"), "half"),
                                ((self.address, 0.5, "absent.png"), "absent.png"),
                                (("127.0.0.1:1", 0.5, "dark.png"), "127.0.0.1:1")):
            done = self.client(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, rf"\Aclient\.py: .*{said}.*\n\Z")


if __name__ == "__main__":
    unittest.main()
