"""pfad's models in PyTorch and PyTorch's in pfad: scores, maps, files, refusals."""
import json
import math
import unittest

import numpy as np
import safetensors.torch
import torch
from PIL import Image

from support import (TOLERANCE, InFolder, category, inspect, pictures, random_model, refusal, run, same_arrays,
                     torch_results, trained)
import pfadseg
from network import Options


class Rows(InFolder):
    """Random weights that Python wrote, in each row of the paper's Table 4."""

    def agree(self, rcm, aff, pcar, size=64, **more):
        model = random_model(Options(rcm, aff, pcar, **more), size)
        path = self.folder / "model.safetensors"
        pfadseg.save(model, path)
        self.assert_agree(path, model, pictures())

    def test_destseg(self):
        self.agree(False, False, False, size=96)  # whose maps are wider than ASPP's dilations

    def test_rcm(self):
        self.agree(True, False, False)

    def test_aff(self):
        self.agree(False, True, False)

    def test_pcar(self):
        self.agree(False, False, True)

    def test_rcm_pcar(self):
        self.agree(True, False, True)

    def test_aff_pcar(self):
        self.agree(False, True, True)

    def test_pfadseg(self):
        self.agree(True, True, True)

    def test_each_pooled_norm(self):
        for norm in ("layer", "none", "pixel"):
            for aff in (True, False):  # in AFF and ASPP, or in ASPP alone
                with self.subTest(norm=norm, aff=aff):
                    self.agree(False, aff, False, size=96, pooled_norm=norm)

    def test_product_map(self):
        self.agree(True, True, False, map="product")

    def test_plain_decoder_and_another_rcm(self):
        self.agree(True, True, True, plain_decoder=True, rcm_band=7, rcm_mlp_ratio=1)


class Files(InFolder):
    def test_a_trained_model_gives_the_same_scores(self):
        model = pfadseg.load(trained())
        self.assertEqual((model.options, model.size), (Options(), 64))
        self.assert_agree(trained(), model, pictures())

    def test_jpeg_and_bmp_are_read_as_pfad_reads_them(self):
        path, files = self.folder / "model.safetensors", []
        model = random_model(Options(False, True, False))
        pfadseg.save(model, path)
        # Of colours that change from pixel to pixel every decoder makes something else.
        noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
        for name in ("a.jpg", "a.bmp", "grey.jpg", "grey.png"):
            files.append(self.folder / name)
            (noise.convert("L") if "grey" in name else noise).save(files[-1], quality=95, subsampling="4:2:2")
        for score, seen in zip(torch_results(model, files)[1], inspect(path, files), strict=True):
            self.assertAlmostEqual(score, seen["score"], delta=TOLERANCE)

    def test_pfad_reads_what_python_writes(self):
        model = random_model(Options(aff=False, plain_decoder=True, rcm_band=9, rcm_mlp_ratio=3), size=96)
        model.threshold = 0.1 + 0.2
        path, copy = self.folder / "a.safetensors", self.folder / "b.safetensors"
        pfadseg.save(model, path)
        self.assertEqual(json.loads(run("pfad_info", "--json", path)), {
            "format": "pfad", "method": "pfadseg", "version": "1", "rcm": True, "aff": False, "pcar": True,
            "plain_decoder": True, "pooled_norm": "batch", "map": "segmentation",
            "rcm_band": 9, "rcm_mlp_ratio": 3, "size": 96, "threshold": 0.1 + 0.2, "teacher": "random",
            "command": "none", "preprocessing": pfadseg.PREPROCESSING, "preview": False})
        self.assertEqual(list(self.folder.iterdir()), [path])
        run("pfad_threshold", "--model", path, "--good", category() / "tiny/train/good", "--false-alarms", 0,
            "--out", copy)
        self.assertTrue(all(same_arrays(copy, path).values()))

    def test_python_writes_what_it_read(self):
        path = self.folder / "a.safetensors"
        pfadseg.save(pfadseg.load(trained()), path)
        self.assertTrue(all(same_arrays(path, trained()).values()))
        self.assertEqual(run("pfad_info", path), run("pfad_info", trained()))

    def test_the_script_prints_what_pfad_inspect_prints(self):
        said = run("inspect_pictures.py", "--model", trained(), pictures()[0], "--maps", self.folder, expect=(0, 1))
        maps, _ = torch_results(pfadseg.load(trained()), pictures()[:1])
        here, there = json.loads(said), inspect(trained(), pictures()[:1])[0]
        self.assertAlmostEqual(here.pop("score"), there["score"], delta=TOLERANCE)
        self.assertEqual(here, {key: there[key] for key in ("picture", "threshold", "defect")})
        np.testing.assert_allclose(np.load(self.folder / "000.npy"), maps[0], rtol=0, atol=1e-6)
        self.assertEqual([file.name for file in self.folder.iterdir()], ["000.npy"])


class Refusals(InFolder):
    """One sentence, no file."""

    GOOD = {"format": "pfadseg", "version": "1", "rcm": "on", "aff": "on", "pcar": "on", "plain_decoder": "off",
            "rcm_band": "11", "rcm_mlp_ratio": "2", "size": "64", "threshold": "0.5"}

    def refuses(self, pattern, metadata, **arrays):
        path = self.folder / "bad.safetensors"
        safetensors.torch.save_file(arrays or {"x": torch.zeros(1)}, path, metadata)
        with self.assertRaisesRegex(pfadseg.ProblemError, rf"\A{path}: [^\n]*{pattern}[^\n]*\Z"):
            pfadseg.load(path)

    def test_files_that_are_no_model(self):
        self.refuses("is not a pfad model .its metadata has no `format`", None)
        self.refuses("is not a pfad model .its format is `other`", self.GOOD | {"format": "other"})
        self.refuses("its metadata has no `method`", self.GOOD | {"format": "pfad"})
        self.refuses("is a model of the method `stpm`, and this reads pfadseg and destseg",
                     self.GOOD | {"format": "pfad", "method": "stpm"})
        self.refuses("is a model of version 2, and this reads version 1", self.GOOD | {"version": "2"})
        self.refuses("`aff` is neither on nor off", self.GOOD | {"aff": "yes"})
        self.refuses("`pooled_norm` is `group`, not batch or layer or none or pixel", self.GOOD | {"pooled_norm": "group"})
        for key, value in (("size", "16"), ("size", "64.5"), ("rcm_band", "10"), ("threshold", "nan")):
            self.refuses(f"`{key}` is `{value}`, which is no number in its range", self.GOOD | {key: value})
        self.refuses("has no tensor `segmentation.context.fc1.bias`", self.GOOD)

    def test_arrays_that_do_not_fit(self):
        path = self.folder / "bad.safetensors"
        good = safetensors.torch.load_file(trained())
        bias = "segmentation.out.bias"
        for pattern, change in (("has a tensor `extra`, which no part", {"extra": torch.zeros(1)}),
                                (rf"`{bias}` is torch.float32 \[2\], not torch.float32 \[1\]", {bias: torch.zeros(2)}),
                                (f"`{bias}` holds a value that is not finite", {bias: torch.tensor([math.nan])})):
            safetensors.torch.save_file(good | change, path, self.GOOD)
            with self.assertRaisesRegex(pfadseg.ProblemError, pattern):
                pfadseg.load(path)

    def test_programs_say_it_in_one_sentence(self):
        absent, picture = self.folder / "absent", pictures()[0]
        text = self.folder / "text.png"
        text.write_text("text")
        refusal(self, "absent: cannot be read: No such file", "inspect_pictures.py", "--model", absent, picture)
        refusal(self, "000.png: is not a safetensors file", "inspect_pictures.py", "--model", picture, picture)
        refusal(self, "required: pictures", "inspect_pictures.py", "--model", trained())
        refusal(self, "text.png: is not a picture", "inspect_pictures.py", "--model", trained(), text)
        refusal(self, "text.png: the folder cannot be made: File exists", "inspect_pictures.py", "--model", trained(),
                picture, "--maps", text)
        refusal(self, "text.png: there is no PNG, JPEG or BMP", "train.py", "--from", trained(), "--data",
                category() / "tiny", "--textures", text, "--out", absent)
        self.assertEqual(list(self.folder.iterdir()), [text])

    def test_a_file_is_written_whole_or_not_at_all(self):
        model = pfadseg.load(trained())
        for path, pattern in ((self.folder / "absent/a", "cannot be written: No such file"),
                              (self.folder, "cannot be written: Is a directory")):
            with self.assertRaisesRegex(pfadseg.ProblemError, rf"\A{path}: {pattern}"):
                pfadseg.save(model, path)
        model.segmentation.out.bias.data.fill_(math.inf)
        with self.assertRaisesRegex(pfadseg.ProblemError, "`segmentation.out.bias` holds a value that is not finite"):
            pfadseg.save(model, self.folder / "a")
        self.assertEqual(list(self.folder.iterdir()), [])
        self.assertEqual(list(self.folder.parent.glob(self.folder.name + "*")), [self.folder])


if __name__ == "__main__":
    unittest.main()
