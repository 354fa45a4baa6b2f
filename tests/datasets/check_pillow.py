"""Pillow as the oracle of our decoders, over the corpus of messy files.

The corpus (`messy-images.tar.gz` in DATA, else in ../shared/data) holds 489
pictures, good and bad.  Every file is decoded by check_image within a memory
limit; then

  - each gives pixels, or a reason that names the file;
  - what both read is the same: JPEGs within 2 grey levels, PNG and BMP exactly
    (BMPs of 16 bits within 1: both may round);
  - what Pillow reads of our three formats and we do not is listed below, with
    the reason why.

Exit status 77 where Pillow or the corpus is missing.
"""
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import warnings

try:
    import numpy
    from PIL import Image, ImageOps
except ImportError:
    print("skipped: Pillow or numpy is not installed")
    sys.exit(77)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.environ.get("DATA", os.path.join(ROOT, "..", "shared", "data"))
CORPUS = os.path.join(DATA, "messy-images.tar.gz")
MEMORY = 2 << 30  # a header in there claims 12 GB
REFUSED = {
    "ljt_testimgari.jpg": "arithmetic coding, which is not read",
    "xcsn0g01.png": "a wrong checksum, which Pillow overlooks",
    "pillow_mmap_error.bmp": "a byte is missing at its end",
}
OTHERWISE = {
    "badrle.bmp": "damaged on purpose; what is left of it is a matter of taste",
    "pillow_xmp_tags_orientation_exiftool.png": "oriented by XMP, which only Pillow reads",
}


def want(path):
    """What Pillow makes of a file: RGB, upright; None where it is not ours."""
    image = Image.open(path)
    if image.format not in ("JPEG", "MPO", "PNG", "BMP"):
        return None
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits: the upper 8
        grey = (numpy.asarray(image).astype(numpy.int64) >> 8).astype(numpy.uint8)
        return numpy.stack([grey] * 3, -1)
    if image.mode in ("P", "PA"):  # alpha is dropped, not blended
        image = image.convert("RGBA")
    return numpy.asarray(image.convert("RGB"))


def bound(path, pixels):
    if path.endswith((".jpg", ".jpeg")):
        return 2
    return 1 if path.endswith(".bmp") else 0


def main():
    build = os.environ.get("BUILD", "build")
    program = os.path.join(ROOT, build, "tests", "datasets", "check_image")
    if not os.path.exists(CORPUS):
        print("skipped: there is no", CORPUS)
        return 77
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = 1 << 27
    failed = compared = same = 0
    with tempfile.TemporaryDirectory() as folder:
        tarfile.open(CORPUS).extractall(folder)
        paths = sorted(
            os.path.join(at, name)
            for at, _, names in os.walk(os.path.join(folder, "messy"))
            for name in names
            if "LICENSES" not in at and name != "manifest.tsv"
        )
        with open(os.path.join(folder, "files"), "w") as files:
            files.write("".join(path + "\n" for path in paths))
        limit = None
        if "asan" not in program:  # the sanitizer reserves terabytes
            limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        run = subprocess.run(
            [program, os.path.join(folder, "files")], text=True,
            stdout=subprocess.PIPE, timeout=250, preexec_fn=limit)
        lines = run.stdout.splitlines()
        if run.returncode != 0 or len(lines) != len(paths):
            print(f"check_image: status {run.returncode}, {len(lines)} of {len(paths)} files")
            return 1
        for path, line in zip(paths, lines):
            name = os.path.basename(path)
            try:
                pixels = want(path)
            except Exception:  # Pillow has many ways to refuse
                pixels = None
            if line.startswith("no "):
                if not line.startswith("no " + path + ": ") or len(line) < len(path) + 12:
                    print("names no file or no reason:", line)
                    failed += 1
                if pixels is not None and name not in REFUSED:
                    print("read by Pillow alone:", line[3:])
                    failed += 1
                continue
            if pixels is None or name in OTHERWISE:
                continue
            w, h = map(int, line.split()[1:])
            ours = numpy.fromfile(path + ".raw", numpy.uint8).reshape(h, w, 3)
            compared += 1
            worst = 999
            if ours.shape == pixels.shape:
                worst = int(numpy.abs(ours.astype(int) - pixels).max())
            same += worst == 0
            if worst > bound(name, pixels):
                print(f"{name}: {worst} grey levels apart")
                failed += 1
    print(f"{len(paths)} files, {compared} compared, {same} of them to the bit")
    if compared < 250:
        print("expected to compare at least 250")
        failed += 1
    return 1 if failed else 0


sys.exit(main())
