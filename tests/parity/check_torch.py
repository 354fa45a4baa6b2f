"""PyTorch as the oracle of the engine.

check_dump writes what our layers computed from given weights and data; here
the same is computed by PyTorch, in double precision, and compared:

  IBN, fused, conv    output, gradients of input and of every parameter, batch
                      mean and variance: 1e-4, relative to the largest value
  net A               the losses of 20 steps of SGD: 1e-3; and where each
                      weight went in them, decay and momentum included

Prints a line for each comparison, and the sum as the last line.  Exit status
77 where PyTorch is missing.
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    print("skipped: PyTorch is not installed")
    sys.exit(77)

BOUND_TENSOR = 1e-4
BOUND_LOSS = 1e-3
BOUND_WAY = 0.1  # gradients of two float programs differ by some .01
EPS = 1e-5
ACTS = {
    "none": lambda z: z,
    "relu": F.relu,
    "relu6": F.relu6,
    "hswish": F.hardswish,
}


class Tally:
    """Counts comparisons and prints them."""

    def __init__(self):
        self.passed = self.failed = 0

    def compare(self, what, name, error, bound):
        good = error <= bound  # a NaN is not
        self.passed += good
        self.failed += not good
        print(f"{what:<44} {name:<20} {error:.1e}{'' if good else '  FAILED'}")


def relative(got, want):
    """Largest deviation over the largest value."""
    return ((got - want).abs().max() / want.abs().max()).item()


def conv_weight(w, k, cin, cout):
    """[k*k*cin, cout] as we store it -> [cout, cin, k, k]."""
    return w.reshape(k, k, cin, cout).permute(3, 2, 0, 1)


def depth_weight(w, k, c):
    """[k*k, c] -> [c, 1, k, k]."""
    return w.reshape(k, k, c).permute(2, 0, 1).unsqueeze(1)


def normalise(y, gamma, beta):
    return F.batch_norm(y, None, None, gamma, beta, True, 0.0, EPS)


def ibn(x, p, shape, act, seen):
    """seen(name, y) is told every raw convolution output."""
    k, stride, cin, mid, cout = shape
    if "expand" in p:
        y = F.conv2d(x, conv_weight(p["expand"], 1, cin, mid))
        seen("expand", y)
        x = act(normalise(y, p["expand.bn.gamma"], p["expand.bn.beta"]))
    y = F.conv2d(x, depth_weight(p["depth"], k, mid), stride=stride,
                 padding=k // 2, groups=mid)
    seen("depth", y)
    x = act(normalise(y, p["depth.bn.gamma"], p["depth.bn.beta"]))
    y = F.conv2d(x, conv_weight(p["project"], 1, mid, cout))
    seen("project", y)
    return normalise(y, p["project.bn.gamma"], p["project.bn.beta"])


def fused(x, p, shape, act, seen):
    k, stride, cin, mid, cout = shape
    y = F.conv2d(x, conv_weight(p["dense"], k, cin, mid), stride=stride,
                 padding=k // 2)
    seen("dense", y)
    x = act(normalise(y, p["dense.bn.gamma"], p["dense.bn.beta"]))
    y = F.conv2d(x, conv_weight(p["project"], 1, mid, cout))
    seen("project", y)
    return normalise(y, p["project.bn.gamma"], p["project.bn.beta"])


def conv(x, p, shape, act, seen):
    k, stride, cin, _, cout = shape
    y = F.conv2d(x, conv_weight(p["dense"], k, cin, cout), stride=stride,
                 padding=k // 2)
    seen("dense", y)
    return act(normalise(y, p["dense.bn.gamma"], p["dense.bn.beta"]))


BLOCKS = {"ibn": ibn, "fused": fused, "conv": conv}


def check_block(case, tensors, tally):
    n, h, w = case["n"], case["h"], case["w"]
    k, stride, cin, mid, cout = shape = tuple(
        case[key] for key in ("k", "stride", "cin", "mid", "cout"))
    title = (f"{case['kind']} {n}x{h}x{w} {cin}-{mid}-{cout} k{k} s{stride} "
             f"{case['act']}")
    p = {t: v.clone().requires_grad_() for t, v in tensors.items()
         if "d" + t in tensors and t not in ("x", "out")}
    image = tensors["x"].reshape(n, h, w, cin).permute(0, 3, 1, 2)
    x = image.clone().requires_grad_()
    stats = {}

    def seen(name, y):
        stats["mean." + name] = y.mean((0, 2, 3))
        stats["var." + name] = y.var((0, 2, 3), unbiased=False)

    out = BLOCKS[case["kind"]](x, p, shape, ACTS[case["act"]], seen)
    if stride == 1 and cin == cout:
        out = out + x
    dout = tensors["dout"].reshape(n, case["oh"], case["ow"], cout)
    out.backward(dout.permute(0, 3, 1, 2))

    want = {"out": out.permute(0, 2, 3, 1), "dx": x.grad.permute(0, 2, 3, 1)}
    want.update(("d" + t, p[t].grad) for t in p)
    want.update(stats)
    scale = max(p[t].grad.abs().max().item() for t in p)
    for t, value in want.items():
        value = value.detach().reshape(-1)
        got = tensors[t]
        if value.abs().max() < 1e-9 * scale:  # 0 but for rounding: a shift or
            error = got.abs().max().item() / scale  # so before a batch-norm
        else:
            error = relative(got, value)
        tally.compare(title, t, error, BOUND_TENSOR)


# expansion, width, depth, stride; written out once more, not read from the
# program: the net's structure is part of what is compared
NET_A = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2),
         (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def net_a(x, w):
    def bn(y, name):
        return normalise(y, w[name + ".bn.gamma"], w[name + ".bn.beta"])

    y = F.conv2d(x, conv_weight(w["stem.weight"], 3, 3, 16), padding=1)
    x = F.relu6(bn(y, "stem"))
    cin = 16
    for i_stage, (e, width, depth, first_stride) in enumerate(NET_A, 1):
        for i_block in range(1, depth + 1):
            name = f"stage.{i_stage}.block.{i_block}.ibn."
            stride = first_stride if i_block == 1 else 1
            p = {key[len(name):].replace(".weight", ""): value
                 for key, value in w.items() if key.startswith(name)}
            y = ibn(x, p, (3, stride, cin, e * cin, width), F.relu6,
                    lambda *_: None)
            x = x + y if stride == 1 and cin == width else y
            cin = width
    y = F.conv2d(x, conv_weight(w["head.weight"], 1, cin, 1280))
    x = F.relu6(bn(y, "head")).mean((2, 3))
    return x @ w["linear.weight"].reshape(1280, 10) + w["linear.bias"]


def moved_apart(got, want, start):
    """How far two ends lie apart, relative to the way from the start."""
    return ((got - want).norm() / (want - start).norm()).item()


def check_net_a(case, tensors, tally):
    """In single precision, as PyTorch trains."""
    tensors = {t: v.float() for t, v in tensors.items()}
    x = tensors["x"].reshape(case["n"], 32, 32, 3).permute(0, 3, 1, 2)
    label = tensors["label"].long()
    start = {t[len("start."):]: v for t, v in tensors.items()
             if t.startswith("start.")}
    w = {t: v.clone().requires_grad_() for t, v in start.items()}
    # convolutions but depthwise ones, and the classifier
    decays = [t for t in w if t.endswith(".weight") and ".depth." not in t]
    sgd = torch.optim.SGD(
        [{"params": [w[t] for t in decays], "weight_decay": case["decay"]},
         {"params": [w[t] for t in w if t not in decays],
          "weight_decay": 0.0}],
        lr=case["lr"], momentum=case["momentum"], nesterov=True)
    for step in range(case["steps"]):
        loss = F.cross_entropy(net_a(x, w), label,
                               label_smoothing=case["smoothing"])
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        got = tensors["losses"][step].item()
        tally.compare(f"net A, step {step + 1}: loss {got:.5f}", "loss",
                      abs(got - loss.item()), BOUND_LOSS)
    ways = {t: moved_apart(tensors["end." + t], v.detach(), start[t])
            for t, v in w.items() if t.endswith(".weight")}
    for t in sorted(ways, key=ways.get)[-3:]:
        tally.compare("net A, way of a weight: the worst", t[-20:], ways[t],
                      BOUND_WAY)


def load(folder):
    with open(os.path.join(folder, "cases.json"), encoding="utf-8") as f:
        cases = json.load(f)
    with open(os.path.join(folder, "values.bin"), "rb") as f:
        values = torch.frombuffer(bytearray(f.read()), dtype=torch.float32)
    for case in cases:
        yield case, {name: values[at:at + count].double()
                     for name, (at, count) in case["tensors"].items()}


def main():
    program = os.path.join(os.environ.get("BUILD", "build"),
                           "tests", "parity", "check_dump")
    torch.set_num_threads(2)
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, folder], check=True)
        for case, tensors in load(folder):
            if case["kind"] == "net A":
                print(f"PyTorch {torch.__version__}, ours: {case['isa']}")
                check_net_a(case, tensors, tally)
            else:
                check_block(case, tensors, tally)
    print(f"{tally.passed} passed, {tally.failed} failed, 0 skipped")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
