"""PyTorch's side of the benchmarks: one request a line on standard input, one answer a line on standard output.

    torch_bench.py THREADS
    hello                           -> ok VERSION
    make VARIANT KIND name=value .. -> ok ERROR      relative error against float64, 0 where it is not looked at
    run CALLS VARIANT KIND ...      -> SECONDS       of that many calls

VARIANT may be empty (the line then has two blanks). Weights and data are random; times do not depend on them.
"""

import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


def error(y, reference):
    """Largest difference over the largest value."""
    reference = reference.detach()
    return float((y.detach().double() - reference).abs().max() / reference.abs().max())


def inference(run):
    def wrapped():
        with torch.inference_mode():
            return run()

    return wrapped


def gemm(variant, m, n, k, tb):
    a = torch.rand(m, k) - 0.5
    b = torch.rand(n, k) - 0.5 if tb else torch.rand(k, n) - 0.5
    y = torch.empty(m, n)
    run = inference(lambda: torch.mm(a, b.t() if tb else b, out=y))
    small = a[:8].double() @ (b.t() if tb else b).double()
    return run, error(run()[:8], small)


def conv2d(variant, n, c, h, w, oc, kh, kw, stride, pad, groups, what):
    x = torch.randn(n, c, h, w)
    weight = torch.randn(oc, c // groups, kh, kw) / (c // groups * kh * kw) ** 0.5
    bias = torch.randn(oc)
    if variant == "nhwc":
        x = x.contiguous(memory_format=torch.channels_last)
        weight = weight.contiguous(memory_format=torch.channels_last)
    dy = torch.randn_like(F.conv2d(x[:, :, :h, :], weight, bias, stride, pad, 1, groups))
    options = ([stride, stride], [pad, pad], [1, 1], False, [0, 0], groups)
    if what == "forward":
        run = inference(lambda: F.conv2d(x, weight, bias, stride, pad, 1, groups))
        few = F.conv2d(x[:1].double(), weight[: max(1, oc // 16)].double(), bias[: max(1, oc // 16)].double(), stride,
                       pad) if groups == 1 else F.conv2d(x[:1].double(), weight.double(), bias.double(), stride, pad, 1, groups)
        return run, error(run()[:1, : few.shape[1]], few)
    mask = [True, False, False] if what == "data" else [False, True, False]
    run = inference(lambda: torch.ops.aten.convolution_backward(dy, x, weight, None, *options, mask))
    return run, 0


def lstm(variant, time, batch, input, hidden, what):
    layer = nn.LSTM(input, hidden)
    x = torch.randn(time, batch, input)
    dy = torch.randn(time, batch, hidden)
    if what == "inference":
        layer.eval()
        run = inference(lambda: layer(x))
        exact = nn.LSTM(input, hidden).double()
        exact.load_state_dict({k: v.double() for k, v in layer.state_dict().items()})
        with torch.no_grad():
            return run, error(run()[0], exact(x.double())[0])
    x.requires_grad_(True)
    if what == "training":
        return lambda: layer(x), 0

    def step():
        layer.zero_grad(set_to_none=True)
        x.grad = None
        layer(x)[0].backward(dy)

    return step, 0


def attention(variant, batch, heads, tokens, depth, what):
    q, k, v = (torch.randn(batch, heads, tokens, depth) for _ in range(3))
    if what == "forward":
        run = inference(lambda: F.scaled_dot_product_attention(q, k, v))
        exact = F.scaled_dot_product_attention(q.double(), k.double(), v.double())
        return run, error(run(), exact)
    dy = torch.randn_like(q)
    for x in (q, k, v):
        x.requires_grad_(True)

    def step():
        for x in (q, k, v):
            x.grad = None
        F.scaled_dot_product_attention(q, k, v).backward(dy)

    return step, 0


def rows(variant, op, rows, length):
    x = torch.randn(rows, length)
    if op == "cross_entropy":
        target = torch.randint(length, (rows,))
        logits = x.requires_grad_(True)

        def step():
            logits.grad = None
            F.cross_entropy(logits, target).backward()

        exact = torch.softmax(x.detach().double(), 1)
        exact[torch.arange(rows), target] -= 1
        step()
        return step, error(logits.grad, exact / rows)
    weight, bias = torch.randn(length), torch.randn(length)
    functions = {
        "softmax": lambda z: torch.softmax(z, 1),
        "log_softmax": lambda z: torch.log_softmax(z, 1),
        "layer_norm": lambda z: F.layer_norm(z, (length,), weight.to(z.dtype), bias.to(z.dtype)),
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "gelu": F.gelu,
        "transpose": lambda z: z.t().contiguous(),
    }
    run = inference(lambda: functions[op](x))
    return run, error(run(), functions[op](x.double()))


def vgg16():
    layers, channels = [], 3
    for width in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0):
        if width == 0:
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
        channels = width
    layers += [nn.Flatten(), nn.Linear(25088, 4096), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(4096, 4096),
               nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(4096, 1000)]
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(*layers)


def vgg(variant, batch, what):
    model = vgg16()
    x = torch.randn(batch, 3, 224, 224)
    if what == "inference":
        model.eval()
        if variant == "nhwc":
            model, x = model.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
        plain = model
        if variant == "jit":
            with torch.no_grad():
                model = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, x)))
        run = inference(lambda: model(x))
        if variant != "" or batch != 1:
            return run, 0
        with torch.no_grad():
            y = run().clone()
            exact = plain.double()(x.double())
            plain.float()
        return run, error(y, exact)
    target = torch.randint(1000, (batch,))
    optimizer = torch.optim.SGD(model.parameters(), 1e-3, momentum=0.9)

    def step():
        optimizer.zero_grad(set_to_none=False)
        F.cross_entropy(model(x), target).backward()
        optimizer.step()

    step()
    return step, 0


class Decoder(nn.Module):
    def __init__(self, embedding, hidden, vocabulary):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.lstm = nn.LSTM(embedding, hidden, batch_first=True)
        self.output = nn.Linear(hidden, vocabulary)

    def forward(self, ids, state=None):
        y, state = self.lstm(self.embedding(ids), state)
        return self.output(y), state


def caption(variant, what, batch, steps, embedding=256, hidden=512, vocabulary=8000):
    model = Decoder(embedding, hidden, vocabulary)
    if what == "train":
        ids = torch.randint(vocabulary, (batch, steps))
        target = torch.randint(vocabulary, (batch * steps,))
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)

        def step():
            optimizer.zero_grad(set_to_none=False)
            F.cross_entropy(model(ids)[0].reshape(-1, vocabulary), target).backward()
            optimizer.step()

        return step, 0
    model.eval()

    def decode():
        ids, state = torch.zeros(batch, 1, dtype=torch.int64), None
        for _ in range(steps):
            logits, state = model(ids, state)
            ids = logits.argmax(-1)
        return ids

    return inference(decode), 0


KINDS = {"gemm": gemm, "conv2d": conv2d, "lstm": lstm, "attention": attention, "rows": rows, "vgg16": vgg,
         "caption": caption}


def main():
    torch.set_num_threads(int(sys.argv[1]))
    stopwatch = time.process_time if int(sys.argv[1]) == 1 else time.perf_counter  # as duel.cpp
    torch.manual_seed(1)
    answers = sys.stdout
    sys.stdout = sys.stderr
    cases, current = {}, ""
    for line in sys.stdin:
        verb, _, rest = line.rstrip("\n").partition(" ")
        if verb == "hello":
            answer = f"ok {torch.__version__}"
        elif verb == "make":
            variant, _, request = rest.partition(" ")
            if request != current:
                cases, current = {}, request
            kind, *settings = request.split()
            values = {}
            for setting in settings:
                name, value = setting.split("=")
                values[name] = int(value) if value.lstrip("-").isdigit() else value
            try:
                cases[rest], wrong = KINDS[kind](variant, **values)
                answer = f"ok {wrong:.3g}"
            except Exception as problem:  # said to the other side, which leaves the case out
                answer = f"failed {type(problem).__name__}: {problem}".replace("\n", " ")
        else:
            calls, _, key = rest.partition(" ")
            run = cases[key]
            start = stopwatch()
            for _ in range(int(calls)):
                run()
            answer = f"{stopwatch() - start:.9f}"
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    main()
