#!/usr/bin/env python3
"""Inspects pictures by a Triton server: score, threshold and verdict of each.

  client.py HOST:PORT THRESHOLD PICTURE..

HOST:PORT is the server's gRPC, THRESHOLD the model's, as pfad_info tells it: Triton does not pass it on.
Exit status 0: no defect; 1: a defect in one of them; 2: an error."""
import sys

try:
    import numpy
    import tritonclient.grpc as triton
    from PIL import Image, ImageOps
except ImportError as missing:
    print(f"client.py: {missing}", file=sys.stderr)
    sys.exit(2)

MODEL = "pfadseg"


def pixels(path, size):
    with Image.open(path) as picture:
        picture = ImageOps.exif_transpose(picture)
        if picture.mode.startswith("I;16"):  # the upper 8 bits, as pfad takes them; Pillow would clip
            picture = Image.fromarray((numpy.asarray(picture) >> 8).astype(numpy.uint8))
        # Resized to the last bit as pfad does it: another filter gives other scores.
        return numpy.asarray(picture.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))


def main(arguments):
    if len(arguments) < 3:
        raise ValueError("give HOST:PORT, the threshold and pictures")
    server, threshold, paths = triton.InferenceServerClient(arguments[0]), float(arguments[1]), arguments[2:]
    size = server.get_model_metadata(MODEL).inputs[0].shape[1]
    defect = False
    for path in paths:
        batch = pixels(path, size)[None]
        given = triton.InferInput("pixels", batch.shape, "UINT8")
        given.set_data_from_numpy(batch)
        # The map is asked for by another one of these.
        wanted = [triton.InferRequestedOutput("score")]
        score = server.infer(MODEL, [given], outputs=wanted).as_numpy("score").item()
        found = score >= threshold
        print(f"{path}  score {score:.4f}  threshold {threshold:.4f}  {'DEFECT' if found else 'good'}")
        defect = defect or found
    return 1 if defect else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Exception as problem:
        print(f"client.py: {' '.join(str(problem).split())}", file=sys.stderr)
        sys.exit(2)
