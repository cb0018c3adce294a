"""pfad's models in PyTorch and PyTorch's in pfad: scores, maps, files, training, refusals."""
import functools
import json
import math
import os
import re
import shutil
import tempfile
import unittest
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from support import EXAMPLES, ROOT, TOLERANCE, category, inspect, pictures, random_model, refusal, run, torch_results
import pfadseg
import train
from network import Options
from PIL import Image


def arrays_of(path):
    return {name: array.numpy().tobytes() for name, array in safetensors.torch.load_file(path).items()}


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
            boxes[region["top"]:region["top"] + region["height"], region["left"]:region["left"] + region["width"]] = True
        self.assertTrue(boxes[maps[-1] >= threshold + 1e-6].all())
        small.unlink()


class Rows(InFolder):
    """Random weights that Python wrote, in each row of the paper's Table 4."""

    def agree(self, rcm, aff, pcar, **more):
        model = random_model(Options(rcm, aff, pcar, **more))
        path = self.folder / "model.safetensors"
        pfadseg.save(model, path)
        self.assert_agree(path, model, pictures())

    def test_destseg(self):
        self.agree(False, False, False)

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

    def test_plain_decoder_and_another_rcm(self):
        self.agree(True, True, True, plain_decoder=True, rcm_band=7, rcm_mlp_ratio=1)


@functools.cache
def trained():
    """A model of pfad_train with everything on."""
    data = category()
    run("pfad_train", "--data", data / "tiny", "--textures", data / "paint", "--teacher", "random", "--out",
        data / "run", "--size", 64, "--batch", 2, "--student-iterations", 3, "--segmentation-iterations", 3)
    return data / "run/model.safetensors"


class Files(InFolder):
    def test_a_trained_model_gives_the_same_scores(self):
        model = pfadseg.load(trained())
        self.assertEqual((model.options, model.size), (Options(), 64))
        self.assert_agree(trained(), model, pictures())

    def test_jpeg_and_bmp_are_read_as_pfad_reads_them(self):
        files = []
        for name in ("a.jpg", "a.bmp", "grey.jpg", "grey.png"):
            picture = Image.open(pictures()[1]).resize((150, 97))
            files.append(self.folder / name)
            (picture.convert("L") if "grey" in name else picture).save(files[-1])
        scores = torch_results(pfadseg.load(trained()), files)[1]
        for score, seen in zip(scores, inspect(trained(), files)):
            self.assertAlmostEqual(score, seen["score"], delta=TOLERANCE)

    def test_pfad_reads_what_python_writes(self):
        model = random_model(Options(aff=False, plain_decoder=True, rcm_band=9, rcm_mlp_ratio=3), size=96)
        model.threshold = 0.1 + 0.2
        path, copy = self.folder / "a.safetensors", self.folder / "b.safetensors"
        pfadseg.save(model, path)
        self.assertEqual(json.loads(run("pfad_info", "--json", path)), {
            "format": "pfadseg", "version": "1", "rcm": True, "aff": False, "pcar": True, "plain_decoder": True,
            "rcm_band": 9, "rcm_mlp_ratio": 3, "size": 96, "threshold": 0.1 + 0.2, "teacher": "random",
            "command": "none", "preprocessing": pfadseg.PREPROCESSING, "preview": False})
        self.assertEqual(list(self.folder.iterdir()), [path])
        run("pfad_threshold", "--model", path, "--good", category() / "tiny/train/good", "--false-alarms", 0,
            "--out", copy)
        self.assertEqual(arrays_of(copy), arrays_of(path))

    def test_python_writes_what_it_read(self):
        path = self.folder / "a.safetensors"
        pfadseg.save(pfadseg.load(trained()), path)
        self.assertEqual(arrays_of(path), arrays_of(trained()))
        self.assertEqual(run("pfad_info", path), run("pfad_info", trained()))

    def test_the_script_prints_what_pfad_inspect_prints(self):
        said = run("inspect_pictures.py", "--model", trained(), pictures()[0], "--maps", self.folder, expect=(0, 1))
        maps, _ = torch_results(pfadseg.load(trained()), pictures()[:1])
        here, there = json.loads(said), inspect(trained(), pictures()[:1])[0]
        self.assertAlmostEqual(here.pop("score"), there["score"], delta=TOLERANCE)
        self.assertEqual(here, {key: there[key] for key in ("picture", "threshold", "defect")})
        np.testing.assert_allclose(np.load(self.folder / "000.npy"), maps[0], rtol=0, atol=1e-6)
        self.assertEqual([file.name for file in self.folder.iterdir()], ["000.npy"])


class Training(InFolder):
    def go_on(self, program, start, to, iterations):
        data = category()
        run(program, "--from", start, "--data", data / "tiny", "--textures", data / "paint", "--out", to, "--batch", 2,
            "--student-iterations", iterations, "--segmentation-iterations", iterations)
        log = [json.loads(line) for line in (to / "log.jsonl").read_text().splitlines()]
        self.assertEqual([line["iteration"] for line in log], list(range(2 * iterations)))
        self.assertEqual([line["stage"] for line in log], [1] * iterations + [2] * iterations)
        losses = [[line["cosine"] for line in log[:iterations]],
                  [line["focal"] + line["l1"] for line in log[iterations:]]]
        self.assertTrue(all(map(math.isfinite, sum(losses, []))))
        return to / "model.safetensors", losses

    def test_each_goes_on_where_the_other_ended(self):
        # Without AFF: after a few steps of two pictures its batch norms magnify the rounding of float.
        written, options = self.folder / "model.safetensors", Options(aff=False)
        pfadseg.save(random_model(options), written)
        in_pfad, first = self.go_on("pfad_train", written, self.folder / "pfad", 3)
        in_torch, second = self.go_on("train.py", in_pfad, self.folder / "torch", 4)
        for before, after in zip(first, second):
            self.assertLess(before[-1], 0.9 * before[0])
            self.assertLess(after[0], 0.8 * before[0])  # from the start it would be as high
        self.assertLess(second[0][-1], 0.9 * second[0][0])
        for path in (in_pfad, in_torch):
            model = pfadseg.load(path)
            self.assertEqual((model.options, model.size, model.notes["teacher"]), (options, 64, "random"))
            self.assert_agree(path, model, pictures())
            arrays, initial = arrays_of(path), arrays_of(written)
            for name in arrays:
                fixed = name.startswith("teacher") or name.endswith("num_batches_tracked")
                self.assertEqual(arrays[name] == initial[name], fixed, name)
        # The threshold is of the good pictures, as pfad_train has it.
        model = pfadseg.load(in_torch)
        scores = torch_results(model, sorted((category() / "tiny/train/good").iterdir()))[1]
        self.assertAlmostEqual(model.threshold, max(scores.max(), scores.mean() + 3 * scores.std()), delta=1e-6)

    def test_losses_are_those_of_the_paper(self):
        random = np.random.default_rng(0)
        teacher, student = random.normal(size=(2, 3, 2, 5, 4, 4))  # three levels
        cosines = (teacher * student).sum(2) / np.sqrt((teacher**2).sum(2) * (student**2).sum(2))
        self.assertAlmostEqual(train.cosine_loss(torch.tensor(teacher), torch.tensor(student)).item(),
                               (1 - cosines).mean((2, 3)).sum(), delta=1e-9)
        logits, mask = random.normal(size=(2, 2, 1, 4, 4))
        mask = (mask > 0).astype(float)
        right = np.where(mask > 0, 1, -1) * logits
        q = 1 / (1 + np.exp(-right))
        focal, l1 = train.focal_and_l1(torch.tensor(logits), torch.tensor(mask))
        self.assertAlmostEqual(focal.item(), (-(1 - q)**4 * np.log(q)).mean(), delta=1e-9)
        self.assertAlmostEqual(l1.item(), (1 - q).mean(), delta=1e-9)

    def test_anomalies_are_textures_under_a_mask(self):
        random = np.random.default_rng(0)
        good, texture = random.integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
        shares = []
        for _ in range(50):
            corrupted, mask = train.synthetic.corrupt(good, texture, random)
            inside = mask[0].numpy() > 0
            shares.append(inside.mean())
            self.assertTrue(np.array_equal(corrupted[~inside], good[~inside]))
            if inside.any():
                opacity = (corrupted - good.astype(float))[inside].sum() / (texture - good.astype(float))[inside].sum()
                self.assertTrue(0.15 <= opacity <= 1)
                blend = (1 - opacity) * good + opacity * texture
                np.testing.assert_allclose(corrupted[inside], blend[inside], atol=1e-2)
        self.assertTrue(0.02 < np.mean(shares) < 0.4)


class Documents(InFolder):
    def test_what_the_readme_says_runs(self):
        text = (EXAMPLES / "README.md").read_text()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        for name, target in (("run", trained().parent), ("CATEGORY", category() / "tiny"),
                             ("TEXTURES", category() / "paint"), ("photo.png", pictures()[1])):
            os.symlink(target, name)
        for line in re.search("```sh\n(.*?)```", text, re.DOTALL)[1].splitlines():
            words = line.partition("#")[0].removeprefix("build/python/bin/python ").split()
            self.assertTrue((ROOT / words[0]).exists(), line)
            if not words[0].startswith("scripts"):
                none = ("--student-iterations", 0, "--segmentation-iterations", 0) if "train" in words[0] else ()
                run(Path(words[0]).name, *words[1:], *none, expect=(0, 1))
        exec(re.search("```python\n(.*?)```", text, re.DOTALL)[1], {})
        for made in ("maps/photo.npy", "torch/model.safetensors", "on/model.safetensors", "copy.safetensors"):
            self.assertTrue((self.folder / made).exists(), made)
        for link in re.findall(r"\]\(([^)]+)\)", text):
            self.assertTrue((EXAMPLES / link).exists(), link)


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
        self.refuses("is a model of version 2, and this reads version 1", self.GOOD | {"version": "2"})
        self.refuses("`aff` is neither on nor off", self.GOOD | {"aff": "yes"})
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
