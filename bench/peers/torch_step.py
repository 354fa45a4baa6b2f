"""PyTorch's side of bench/step: whole training steps of nets A to D.

The same nets (bench/nets.h, change the two together), batches, loss with label
smoothing, SGD with Nesterov momentum and decay on the same weights; of net C
the same subnet in the same step, each choice of a block being a module of its
own.  Prints one JSON line with the keys of `step --json` and a `setting`.

    torch_step.py --net A [--fmt nhwc|nchw] [--precision f32|bf16] [--compile]
                  [--batch N] [--threads N] [--steps N]

bf16 is torch's autocast.  Exit status 77 where PyTorch is missing.  Its malloc
matters: see bench/bench-peers.sh, which sets it to its best.
"""
import argparse
import json
import resource
import statistics
import sys
import time

try:
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError:
    print("torch_step.py: PyTorch is not installed", file=sys.stderr)
    sys.exit(77)

WARM_UP = 2
RATE, MOMENTUM, DECAY, SMOOTHING = 0.02, 0.9, 5e-4, 0.1
CLASSES = 10

# expansion, width, depth, stride
LAYOUT = [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2),
          (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
STRIDES_D = [1, 2, 2, 2, 1, 2, 1]
CHOICES_C = [("ibn", 3, 3), ("ibn", 5, 3), ("ibn", 3, 6), ("ibn", 5, 6),
             ("fused", 3, 4)]
BATCH = {"A": 128, "B": 128, "C": 64, "D": 32}


# ---- the draws of net C: src/base/rng.c once more ----

def mix(v):
    v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9 % 2**64
    v = (v ^ (v >> 27)) * 0x94d049bb133111eb % 2**64
    return v ^ (v >> 31)


def philox(counter, key):
    """Philox 4x32-10 (Salmon et al., SC 2011)."""
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b % 2**32,
             (a >> 32) ^ c[3] ^ k[1], a % 2**32]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


def drawn_choice(step, block, n, seed=1, purpose=8):
    key = mix((mix(seed) + 0x9e3779b97f4a7c15 * purpose) % 2**64)
    w = philox([step, block, 0, 0], [key % 2**32, key >> 32])
    return (n * w[0] + (n * w[1] >> 32)) >> 32


# ---- the nets ----

def conv(cin, cout, k=1, stride=1, groups=1, act=True):
    layers = [nn.Conv2d(cin, cout, k, stride, k // 2, groups=groups,
                        bias=False), nn.BatchNorm2d(cout)]
    return layers + [nn.ReLU6(inplace=True)] if act else layers


class Block(nn.Module):
    def __init__(self, op, k, e, cin, cout, stride):
        super().__init__()
        mid = e * cin
        if op == "fused":
            layers = conv(cin, mid, k, stride)
        else:
            layers = conv(cin, mid) if e > 1 else []
            layers += conv(mid, mid, k, stride, groups=mid)
        self.layers = nn.Sequential(*layers, *conv(mid, cout, act=False))
        self.adds = stride == 1 and cin == cout

    def forward(self, x):
        return x + self.layers(x) if self.adds else self.layers(x)


class Choice(nn.Module):
    """A block of net C; `drawn` says which of its choices runs."""

    def __init__(self, cin, cout, stride):
        super().__init__()
        self.choices = nn.ModuleList(
            Block(op, k, e, cin, cout, stride) for op, k, e in CHOICES_C)
        self.drawn = 0

    def forward(self, x):
        return self.choices[self.drawn](x)


def build(net):
    layers = conv(3, 16, 3, 2 if net == "D" else 1)
    cin = 16
    for i, (e, width, depth, stride) in enumerate(LAYOUT):
        for block in range(depth):
            first = STRIDES_D[i] if net == "D" else stride
            s = first if block == 0 else 1
            if net == "C":
                layers.append(Choice(cin, width, s))
            elif net == "B" and i < 3:
                layers.append(Block("fused", 3, 4, cin, width, s))
            else:
                layers.append(Block("ibn", 3, e, cin, width, s))
            cin = width
    layers += conv(cin, 1280)
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(),
               nn.Linear(1280, CLASSES)]
    return nn.Sequential(*layers)


# ---- training ----

def decays(p):
    """Dense convolutions and the linear layer, as in step.c; a depthwise
    weight is [c, 1, k, k] with k > 1."""
    return p.dim() == 2 or (p.dim() == 4 and not (p.shape[1] == 1 and
                                                  p.shape[2] > 1))


class Trainer:
    def __init__(self, a):
        torch.manual_seed(1)
        torch.set_num_threads(a.threads)
        fmt = (torch.channels_last if a.fmt == "nhwc" else
               torch.contiguous_format)
        side = 96 if a.net == "D" else 32
        self.net = build(a.net).to(memory_format=fmt).train()
        self.call = torch.compile(self.net) if a.compile else self.net
        self.choices = [m for m in self.net if isinstance(m, Choice)]
        self.bf16 = a.precision == "bf16"
        self.x = torch.randn(a.batch, 3, side, side).to(memory_format=fmt)
        self.labels = torch.randint(0, CLASSES, (a.batch,))
        params = list(self.net.parameters())
        groups = [{"params": [p for p in params if decays(p)],
                   "weight_decay": DECAY},
                  {"params": [p for p in params if not decays(p)],
                   "weight_decay": 0.0}]
        self.sgd = torch.optim.SGD(groups, lr=RATE, momentum=MOMENTUM,
                                   nesterov=True)

    def step(self, number):
        for i, choice in enumerate(self.choices):
            choice.drawn = drawn_choice(number, i, len(CHOICES_C))
        self.sgd.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            y = self.call(self.x)
        loss = F.cross_entropy(y.float(), self.labels,
                               label_smoothing=SMOOTHING)
        loss.backward()
        self.sgd.step()
        return loss.item()


def main():
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--net", choices=list("ABCD"), required=True)
    p.add_argument("--fmt", choices=["nhwc", "nchw"], default="nhwc")
    p.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    p.add_argument("--compile", action="store_true")
    p.add_argument("--batch", type=int)
    p.add_argument("--threads", type=int, default=torch.get_num_threads())
    p.add_argument("--steps", type=int, default=10)
    a = p.parse_args()
    a.batch = a.batch or BATCH[a.net]
    trainer = Trainer(a)
    rates, losses = [], []
    for i in range(WARM_UP + a.steps):
        start = time.perf_counter()
        losses.append(trainer.step(i))
        rates.append(a.batch / (time.perf_counter() - start))
    rates = rates[WARM_UP:]
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({
        "net": a.net, "batch": a.batch, "threads": a.threads,
        "precision": a.precision, "isa": "torch " + torch.__version__,
        "setting": a.fmt + ("+compile" if a.compile else ""),
        "img_s": round(statistics.median(rates), 2),
        "img_s_min": round(min(rates), 2), "img_s_max": round(max(rates), 2),
        "peak_rss_mib": round(rss, 1), "loss_first": round(losses[0], 6),
        "loss_last": round(losses[-1], 6)}))


if __name__ == "__main__":
    main()
