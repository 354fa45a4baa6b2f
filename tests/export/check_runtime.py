"""Other programs on what we write.

Nets with relu, relu6 and h-swish are trained for a moment and written:

  onnx.checker       the full check is silent
  onnxruntime        logits of `supernet predict` on 1,000 test images of
                     CIFAR-10 to within 1e-4, and the same class for each; the
                     same on noise, with --raw-input, and with smaller pictures
                     that the graph pads
  OpenCV             the same logits with relu and h-swish
  numpy              weights folded anew from subnet.safetensors, by its names
                     and shapes, are those of the file

A package or a data set that is missing skips its part.  The sum is the last
line.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile
import warnings
import zlib

try:
    import numpy as np
except ImportError:
    print("skipped: numpy is not installed")
    sys.exit(77)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.abspath(os.path.join(os.environ.get("BUILD", "build"), "supernet"))
CIFAR = "datasets/data/cifar10/test_batch.bin"
BOUND = 1e-4
PICTURES = 1000
NOISE = 32
EPS = 1e-5

CONFIG = """[data]
set = scenes
train = 120
test = 20
size = 32
[target]
file = {root}/configs/targets/ne-1s.ini
[space]
stem = 16
head = 48
act = {act}
op = ibn, fused*
e = 3
[stage.1]
width = 16
depth = 1
op = ibn
e = 1
[stage.2]
width = 24
depth = 2
stride = 2
[stage.3]
width = 32
depth = 2
stride = 2
op = ibn
[search]
mode = none
[train]
epochs = 3
batch = 8
"""


class Tally:
    """Counts what was looked at, and prints it."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def verdict(self, name, good, detail=""):
        self.passed += bool(good)
        self.failed += not good
        print(f"{name:<52} {detail}{'' if good else '  FAILED'}")

    def skip(self, name, why):
        self.skipped += 1
        print(f"{name:<52} skipped: {why}")


def package(name):
    """The module, or None."""
    try:
        return __import__(name)
    except ImportError:
        return None


def supernet(*args):
    env = dict(os.environ, OMP_NUM_THREADS="1")
    return subprocess.run([PROGRAM, *args], check=True, env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True).stdout


def write_png(path, pixels):
    """uint8 [h, w, 3]."""
    h, w, _ = pixels.shape

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" +
                chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)) +
                chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def noise():
    """Pictures of many contrasts."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (NOISE, 32, 32, 3))
    scale = rng.uniform(0, 1, (NOISE, 1, 1, 1))
    return (pixels * scale).astype(np.uint8)


def cifar():
    """1,000 test images of CIFAR-10, or None where they are not."""
    path = os.path.join(ROOT, CIFAR)
    if not os.path.exists(path):
        return None
    rows = np.fromfile(path, np.uint8).reshape(-1, 3073)[:PICTURES]
    return np.ascontiguousarray(
        rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def predict(run, folder):
    """Logits of every picture of a folder, in the order of their names."""
    told = json.loads(supernet("predict", run, folder, "--json", "-q"))
    return np.array([p["logits"] for p in told["pictures"]], np.float32)


def write_idx(folder):
    """A set of grey pictures of 28 pixels, class by brightness."""
    rng = np.random.default_rng(2)
    os.mkdir(folder)
    for part, n in (("train", 200), ("t10k", 40)):
        labels = np.arange(n, dtype=np.uint8) % 10
        pixels = rng.integers(0, 25, (n, 28, 28)) + 23 * labels[:, None, None]
        with open(f"{folder}/{part}-images-idx3-ubyte", "wb") as f:
            f.write(struct.pack(">IIII", 0x803, n, 28, 28))
            f.write(pixels.astype(np.uint8).tobytes())
        with open(f"{folder}/{part}-labels-idx1-ubyte", "wb") as f:
            f.write(struct.pack(">II", 0x801, n) + labels.tobytes())
    return pixels.astype(np.uint8)


def compare(tally, name, got, want):
    worst = float(np.abs(got - want).max())
    same = (got.argmax(1) == want.argmax(1)).all()
    found = len(set(want.argmax(1)))  # else there is nothing to agree on
    tally.verdict(name, worst <= BOUND and same and got.shape == want.shape and
                  (found > 1 or len(want) < 100),
                  f"{worst:.1e}, {'same' if same else 'other'} of {found} classes")


def normalised(path, x):
    """The net's own input, from the mean and deviation of its file."""
    meta, _ = read_safetensors(path)
    mean = np.array(meta["mean"].split(), np.float32)
    dev = np.array(meta["deviation"].split(), np.float32)
    x = (x.astype(np.float32) / 255 - mean) / dev
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


# ---- safetensors, as any other program reads them ----

def read_safetensors(path):
    """Metadata and arrays."""
    types = {"F32": np.float32, "F64": np.float64}
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    meta = header.pop("__metadata__")
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        arrays[name] = np.frombuffer(data[begin:end], types[entry["dtype"]]
                                     ).reshape(entry["shape"])
    return meta, arrays


def folded(arrays, layer):
    """Weight and bias of one convolution, in ONNX's order."""
    w = arrays[layer + ".weight"].astype(np.float64)
    bn = {k: arrays[f"{layer}.bn.{k}"].astype(np.float64)
          for k in ("gamma", "beta", "mean", "var")}
    s = bn["gamma"] / np.sqrt(bn["var"] + EPS)
    depthwise = w.shape[3] == 1 and w.shape[2] == len(s)
    w = w.transpose(2, 3, 0, 1) if depthwise else w.transpose(3, 2, 0, 1)
    return w * s[:, None, None, None], bn["beta"] - s * bn["mean"]


def check_weights(tally, onnx, act, run):
    meta, arrays = read_safetensors(f"{run}/subnet.safetensors")
    model = onnx.load(f"{run}/subnet.onnx")
    constants = {t.name: onnx.numpy_helper.to_array(t)
                 for t in model.graph.initializer}
    texts = {p.key: p.value for p in model.metadata_props}
    worst, convs = 0.0, 0
    for node in model.graph.node:
        if node.op_type != "Conv":
            continue
        w, b = folded(arrays, node.name)
        worst = max(worst, np.abs(constants[node.input[1]] - w).max(),
                    np.abs(constants[node.input[2]] - b).max())
        convs += 1
    linear = np.abs(constants["linear.weight"].T - arrays["linear.weight"]).max()
    tally.verdict(f"{act}: numpy folds the same weights",
                  convs == 14 and worst < 1e-5 and linear == 0, f"{worst:.1e}")
    tally.verdict(f"{act}: class names and arch are in the file",
                  texts["classes"] == meta["classes"] and
                  len(texts["classes"].split()) == 10 and
                  texts["arch"] == meta["arch"])


# ---- other programs ----

def check_model(tally, onnx, act, run):
    path = f"{run}/subnet.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            onnx.checker.check_model(path, full_check=True)
            fault = ""
        except Exception as e:  # whatever it has to say
            fault = str(e)
    tally.verdict(f"{act}: onnx.checker, full check", not fault, fault)
    model = onnx.load(path)
    dim = model.graph.input[0].type.tensor_type.shape.dim[0]
    tally.verdict(f"{act}: IR 8, opset {14 if act == 'hswish' else 13}, batch N",
                  model.ir_version == 8 and dim.dim_param == "N" and
                  model.opset_import[0].version == (14 if act == "hswish" else 13))


def session(runtime, path):
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(path, options,
                                    providers=["CPUExecutionProvider"])


def check_runtime(tally, runtime, name, run, x, want):
    s = session(runtime, f"{run}/subnet.onnx")
    compare(tally, f"{name}: onnxruntime", s.run(None, {"image": x})[0], want)
    one = s.run(None, {"image": x[:1]})[0]
    compare(tally, f"{name}: onnxruntime, a batch of one", one, want[:1])
    raw = f"{run}/raw.onnx"
    supernet("export", run, "--onnx", "--raw-input", "-o", raw)
    got = session(runtime, raw).run(
        None, {"input": normalised(f"{run}/subnet.safetensors", x)})[0]
    compare(tally, f"{name}: onnxruntime, --raw-input", got, want)


def check_opencv(tally, cv2, name, run, x, want):
    """The importer of OpenCV 4 takes floats where 5 asks for the bytes."""
    net = cv2.dnn.readNetFromONNX(f"{run}/subnet.onnx")
    few = x[:16]
    net.setInput(few if int(cv2.__version__.split(".")[0]) > 4
                 else few.astype(np.float32))
    compare(tally, f"{name}: OpenCV {cv2.__version__}", net.forward(), want[:16])


def write_pictures(folder, x):
    os.mkdir(folder)
    for i, pixels in enumerate(x):
        write_png(f"{folder}/{i:05d}.png", pixels)


def check_pictures(tally, act, run, folder, what, x):
    """The other programs on pictures of one kind; x is None where they are not
    there."""
    runtime, cv2 = package("onnxruntime"), package("cv2")
    name = f"{act}, {'' if x is None else f'{len(x)} of '}{what}"
    if x is None:
        tally.skip(name, "datasets/fetch.sh cifar10 fetches them")
        return
    want = predict(run, folder)
    if runtime:
        check_runtime(tally, runtime, name, run, x, want)
    else:
        tally.skip(f"{name}: onnxruntime", "onnxruntime is not installed")
    if act == "relu6":
        return  # OpenCV 4 refuses it
    if cv2:
        check_opencv(tally, cv2, name, run, x, want)
    else:
        tally.skip(f"{name}: OpenCV", "cv2 is not installed")


def check_net(tally, act, config, work, kinds):
    onnx = package("onnx")
    run = f"{work}/run-{act}"
    supernet("train", config, "-q", "-s", f"space.act={act}", "-o", run)
    if onnx:
        check_model(tally, onnx, act, run)
        check_weights(tally, onnx, act, run)
    else:
        tally.skip(f"{act}: onnx.checker", "onnx is not installed")
    for what, x in kinds.items():
        check_pictures(tally, act, run, f"{work}/{what}", what, x)
    if act == "relu6":
        note = "relu6" in supernet("export", run, "--onnx", "-o", f"{run}/n.onnx")
        tally.verdict("relu6: export tells of importers that refuse it", note)


def check_padded(tally, config, folder):
    """Pictures of 28 pixels for an input of 32: the graph pads them."""
    runtime = package("onnxruntime")
    if not runtime:
        tally.skip("28 pixels of 32: onnxruntime", "onnxruntime is not installed")
        return
    grey = write_idx(f"{folder}/idx")
    write_pictures(f"{folder}/grey", np.repeat(grey[..., None], 3, 3))
    run = f"{folder}/run-grey"
    supernet("train", config, "-q", "-s", "data.set=idx", "-s",
             f"data.path={folder}/idx", "-o", run)
    got = session(runtime, f"{run}/subnet.onnx").run(
        None, {"image": grey[..., None]})[0]
    compare(tally, "28 pixels of 32: onnxruntime", got,
            predict(run, f"{folder}/grey"))


def main():
    tally = Tally()
    kinds = {"noise": noise(), "CIFAR-10": cifar()}
    with tempfile.TemporaryDirectory() as work:
        config = f"{work}/tiny.ini"
        with open(config, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(root=ROOT, act="relu"))
        for what, x in kinds.items():
            if x is not None:
                write_pictures(f"{work}/{what}", x)
        for act in ("relu", "relu6", "hswish"):
            check_net(tally, act, config, work, kinds)
        check_padded(tally, config, work)
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
