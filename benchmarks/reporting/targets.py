"""The targets: what is compared with whom, and what is met."""

import dataclasses
import math
import re

GEMM_ROWS = r"(32x1024x512|32x8000x256|577x768x768|577x3072x768)tB"


@dataclasses.dataclass
class Target:
    """Over all cases that match `cases`: the best opponent's time over ours (geometric mean), and our share of a limit."""
    work: str
    cases: str
    against: str = ""  # a regular expression over contenders; "" = no opponent
    ratio: float = 0
    share: float = 0  # of the multiply-add peak
    gbs: float = 0  # bytes of memory a second
    cycles: float = 0  # an element, at most
    error: float = 0  # at most
    worst: float = 0  # the least ratio of a single case
    rate: float = 0  # elements a second, where the peak is 117.6 GFLOP/s
    threads: int = 1
    ours: str = "limn"


TARGETS = [
    Target("sgemm 256..2048 square", r"gemm/plain/(256|512|1024|2048)x\d+x\d+$", r"onednn", 1.00, share=0.96),
    Target("sgemm, small M and ViT shapes, weights as stored", "gemm/plain/" + GEMM_ROWS, r"openblas|blis|onednn", 1.15, share=0.95),
    Target("the same, prepacked", "gemm/prepacked/" + GEMM_ROWS, r"onednn", 1.00, share=0.98),
    Target("8x4096x25088, prepacked", r"gemm/prepacked/8x4096x25088", r"onednn", 1.4),
    Target("1x4096x25088, prepacked", r"gemm/prepacked/1x4096x25088", r"onednn", 1.5, gbs=31),
    # Both sides' weights are transformed beforehand (the column `limn` transforms them in every call); 3-64 never is.
    Target("conv2d forward, VGG16, batch 1 and 8, F(4,3)", r"conv2d/vgg16/forward", r"onednn", 1.15, share=3.0, error=5e-6,
           ours="limn.packed"),
    Target("conv2d forward, VGG16, batch 1 and 8, F(6,3)", r"conv2d/vgg16/forward", r"onednn", 1.25, share=3.0,
           ours="limn.packed_f6"),
    Target("conv2d backward data, VGG16", r"conv2d/vgg16/data_gradient", r"onednn", 1.15),
    Target("conv2d backward weights, VGG16", r"conv2d/vgg16/weight_gradient", r"onednn", 1.15),
    Target("1x1, 7x7/2 stem, 16x16/16 patch, forward", r"conv2d/(1x1|stem|patch)/forward", r"onednn", 1.00, share=0.97),
    Target("stem and first-layer backward data", r"conv2d/(stem/data_gradient|vgg16/data_gradient/b1/3-64)", r"onednn|torch", 1.4,
           share=0.85),
    Target("depthwise 3x3 of MobileNetV2, forward", r"conv2d/mobilenet/forward", r"onednn", 1.25, worst=1.0, share=0.75),
    Target("lstm forward, B 32/64, inference", r"lstm/inference/T\d+B(32|64)", r"onednn", 1.04, share=0.95),
    Target("lstm forward, B 32/64, training", r"lstm/training/T\d+B(32|64)", r"onednn", 1.05, share=0.93),
    Target("lstm backward, B 32/64", r"lstm/backward/T\d+B(32|64)", r"onednn", 1.07, share=0.92),
    # Of one row oneDNN's training primitive is the faster of its two, and a contender in inference.
    Target("lstm forward, B 1, and oneDNN's faster way", r"lstm/inference/T\d+B1H", r"onednn|torch|ort", 1.15),
    Target("lstm forward, all, and PyTorch", r"lstm/inference/", r"torch", 1.4),
    Target("lstm forward+backward, all, and PyTorch", r"lstm/both/", r"torch", 1.8),
    Target("attention forward B1 H12 T577 D64", r"attention/forward/B1H12T577D64", r"torch", 1.55, share=0.82),
    Target("attention forward B8 H8 T77 D64", r"attention/forward/B8H8T77D64", r"torch", 1.55),
    Target("softmax", r"rowwise/softmax", r"torch", 2.0, cycles=1.2),
    Target("layer norm", r"rowwise/layer_norm", r"torch", 2.0, cycles=0.9),
    Target("tanh", r"rowwise/tanh", r"torch", 2.0, cycles=1.0),
    Target("sigmoid", r"rowwise/sigmoid", r"torch", 2.0, cycles=1.2),
    Target("cross-entropy with gradient", r"rowwise/cross_entropy", r"torch", 10, cycles=1.7),
    *[Target(f"VGG16 inference, batch {batch}, {name}", rf"models/vgg16_inference/b{batch}$", against, ratio, threads=threads)
      for threads, name in ((1, "1T"), (2, "2T"))
      for batch, against, ratio in ((1, "torch", (3.4, 3.5)[threads - 1]), (8, "torch", (3.1, 3.2)[threads - 1]),
                                    (1, r"onednn\.winograd", (1.22, 1.2)[threads - 1]),
                                    (8, r"onednn\.winograd", (1.22, 1.27)[threads - 1]))],
    Target("VGG16 batch 8 training step, 1T", r"models/vgg16_training/b8", r"torch", 2.2),
    Target("caption decoder training step, 1T", r"models/caption_training", r"torch", 1.4, rate=3100),
    Target("caption decoder training step, 2T", r"models/caption_training", r"torch", 2.4, threads=2),
    Target("greedy caption decoding, B 1", r"models/caption_decoding", r"torch", 4.5),
    Target("2 threads over 1 thread, compute-bound kernels",
           r"gemm/plain/(1024|2048)x|conv2d/vgg16/forward/b8/(128-128|256-256|512-512@28)|lstm/inference/T20B64", "1 thread", 1.9,
           threads=2),
]


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def peak(case, limits):
    """GFLOP/s of multiply-adds alone while the case ran."""
    return case.get("peak", limits["gflops"])


def share_of_peak(case, us, limits):
    return case["flops"] / us * 1e-3 / peak(case, limits)


@dataclasses.dataclass
class Row:
    target: Target
    cases: int
    parts: list  # (what, value, wanted, met, text)
    note: str = ""
    opponents: str = ""

    def missed(self):
        return not self.parts or not all(part[3] for part in self.parts)

    def status(self):
        return "not measured" if not self.parts else "missed" if self.missed() else "met"

    def line(self):
        t = self.target
        return f"{self.status():12} {t.work}" + (f" | {t.against}" if t.against else "") + ": " + \
            ("; ".join(part[4] for part in self.parts) or self.note) + (f" [{self.note}]" if self.note and self.parts else "")


def judge_one(store, target):
    cases = {name: case for name, case in store["cases"].get(str(target.threads), {}).items()
             if re.search(target.cases, name) and target.ours in case["us"]}
    if not cases:
        return Row(target, 0, [], "no result")
    limits = store["limits"].get(str(target.threads), {})
    row = Row(target, len(cases), [])
    us = {name: case["us"][target.ours] for name, case in cases.items()}

    def part(what, value, wanted, text, at_most=False):
        row.parts.append((what, value, wanted, value <= wanted if at_most else value >= wanted, text))

    if target.against == "1 thread":
        alone = store["cases"].get("1", {})
        ratios = {name: alone[name]["us"][target.ours] / us[name] for name in cases if name in alone}
    else:
        ratios, names = {}, set()
        for name, case in cases.items():
            others = {who: case["us"][who] / us[name] if target.ours != "limn" else case["ratio"][who]
                      for who in case["us"] if re.match(target.against, who) and target.against}
            if others:
                best = min(others, key=others.get)
                ratios[name] = others[best]
                names.add(best)
        row.opponents = ", ".join(sorted(names))
    if target.ratio:
        if not ratios:
            return Row(target, len(cases), [], "no opponent")
        mean, least = geomean(list(ratios.values())), min(ratios.values())
        part("ratio", mean, target.ratio, f"ratio {mean:.2f} (>= {target.ratio:g}, least {least:.2f})")
        if target.worst:
            part("worst", least, target.worst, f"least {least:.2f} (>= {target.worst:g})")
    if target.share and limits:
        share = geomean([share_of_peak(case, us[name], limits) for name, case in cases.items()])
        part("share", share, target.share, f"{100 * share:.0f} % of peak (>= {100 * target.share:.0f})")
    if target.gbs:
        rate = geomean([case["bytes"] / us[name] * 1e-3 for name, case in cases.items()])
        part("GB/s", rate, target.gbs, f"{rate:.1f} GB/s (>= {target.gbs:g})")
    if target.cycles and limits:
        cycles = geomean([us[name] * 1e3 * limits["ghz"] / case["elements"] for name, case in cases.items()])
        part("cycles", cycles, target.cycles, f"{cycles:.2f} cycles an element (<= {target.cycles:g})", at_most=True)
    if target.rate and limits:
        rate = geomean([case["elements"] / us[name] * 1e6 for name, case in cases.items()])
        wanted = target.rate * geomean([peak(case, limits) for case in cases.values()]) / 117.6
        part("rate", rate, wanted, f"{rate:.0f} tokens/s (>= {wanted:.0f}, {target.rate:g} at 117.6 GFLOP/s)")
    errors = [case["error"][target.ours] for case in cases.values() if target.ours in case["error"]]
    if target.error and errors:
        part("error", max(errors), target.error, f"error {max(errors):.1e} (<= {target.error:.0e})", at_most=True)
    others = [value for case in cases.values() for who, value in case["error"].items() if re.match(target.against or "$", who)]
    if errors and not target.error:
        row.note = f"error {max(errors):.1e}" + (f", theirs {max(others):.1e}" if others else "")
    elif errors and others:
        row.note = f"their error {max(others):.1e}"
    return row


def judge(store):
    return [judge_one(store, target) for target in TARGETS]
