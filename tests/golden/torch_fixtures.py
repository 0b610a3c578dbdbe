#!/usr/bin/env python3
"""Draws golden fixtures with options at random, for golden_check: a folder of each kind, answered by PyTorch.

    tests/golden/torch_fixtures.py SEED FOLDER

Wants NumPy and PyTorch 1.13 (Debian's python3-torch), as ../shared/golden does: 2.15 resizes some images otherwise with
antialiasing, to a width of 1 all rows alike. The same layout as ../shared/golden; the noise of an answer is the
difference of PyTorch's own float and double.
"""

import json
import os
import random
import sys
import warnings

import numpy as np
import torch
import torch.nn.functional as F

R = random.Random()


def save(path, tensors):
    """safetensors: the length of a header, the header, the numbers."""
    names = {torch.float32: "F32", torch.int64: "I64", torch.bool: "BOOL"}
    header, data = {}, []
    for name, t in tensors.items():
        begin = sum(len(d) for d in data)
        data.append(np.ascontiguousarray(t.detach().numpy()).tobytes())
        header[name] = {"dtype": names[t.dtype], "shape": list(t.shape), "data_offsets": [begin, begin + len(data[-1])]}
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + b"".join(data))


class Fixture:
    def __init__(self, kind, atol):
        self.kind, self.atol = kind, atol
        self.inputs, self.expected, self.compare, self.weights, self.cases = {}, {}, {}, {}, {}

    def expect(self, name, answers):
        """answers: those in float and in double."""
        for key, value in answers[0].items():
            noise = (value.double() - answers[1][key].double()).abs().max().item() if value.numel() else 0.0
            self.expected[f"{name}.{key}"] = value
            self.compare[f"{name}.{key}"] = [self.atol, 1e-4, noise] if value.is_floating_point() else "exact"

    def op(self, op, kwargs, inputs, function, constant=()):
        """function(inputs) -> outputs; gradients of their sum, weighted at random, in those not `constant`."""
        name, weights, answers = f"{op}{len(self.cases)}", None, []
        for dtype in (torch.float32, torch.float64):
            x = {k: v.to(dtype).clone() if v.is_floating_point() else v for k, v in inputs.items()}
            wanted = [k for k, v in x.items() if v.is_floating_point() and k not in constant]
            for k in wanted:
                x[k].requires_grad_()
            y = function(x)
            if weights is None:
                weights = {k: torch.randn(v.shape) for k, v in y.items() if v.is_floating_point() and v.dim()}
            loss = sum(
                (v * weights[k].to(dtype)).sum() if v.dim() else v for k, v in y.items() if v.is_floating_point()
            )
            gradients = torch.autograd.grad(loss, [x[k] for k in wanted])
            answers.append(
                {**{k: v.detach() for k, v in y.items()}, **{f"grad.{k}": g for k, g in zip(wanted, gradients)}}
            )
        self.inputs.update({f"{name}.{k}": v for k, v in inputs.items()})
        self.inputs.update({f"{name}.cot.{k}": v for k, v in weights.items()})
        self.expect(name, answers)
        self.cases[name] = {"op": op, "kwargs": kwargs}

    def write(self, folder, module=None):
        folder = os.path.join(folder, self.kind)
        os.makedirs(folder, exist_ok=True)
        save(f"{folder}/inputs.safetensors", self.inputs)
        save(f"{folder}/expected.safetensors", self.expected)
        if module:
            save(f"{folder}/model.safetensors", self.weights)
        with open(f"{folder}/config.json", "w") as f:
            json.dump({"cases": self.cases, **({"module": module} if module else {})}, f)
        with open(f"{folder}/meta.json", "w") as f:
            json.dump({"kind": self.kind, "versions": {"torch": torch.__version__}, "compare": self.compare}, f)


def maybe(chance, *names_and_tensors):
    return dict(names_and_tensors) if R.random() < chance else {}


def pair(low, high):
    return [R.randint(low, high), R.randint(low, high)]


def convolutions(f):
    for _ in range(60):
        groups = R.choice((1, 1, 2, 3, 4, 8))
        c, o, (kh, kw) = groups * R.randint(1, 9), groups * R.randint(1, 9), pair(1, 7)
        padding = R.choice(("same", "valid", *[pair(0, 3) for _ in range(6)]))
        stride, dilation = [1, 1] if padding == "same" else pair(1, 3), pair(1, 2)
        h, w = R.randint(1, 30) + dilation[0] * (kh - 1), R.randint(1, 30) + dilation[1] * (kw - 1)
        kwargs = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        inputs = {
            "x": torch.randn(R.randint(1, 3), c, h, w),
            "weight": torch.randn(o, c // groups, kh, kw) / 5,
            **maybe(0.6, ("bias", torch.randn(o))),
        }
        f.op("conv2d", kwargs, inputs, lambda x: {"y": F.conv2d(x["x"], x["weight"], x.get("bias"), **kwargs)})
    for _ in range(25):
        groups, k, stride, dilation = R.choice((1, 1, 2, 3)), R.randint(1, 5), R.randint(1, 3), R.randint(1, 2)
        c, o = groups * R.randint(1, 6), R.randint(1, 6)
        kwargs = {
            "stride": stride,
            "padding": R.randint(0, min(2, dilation * (k - 1) // 2)),
            "dilation": dilation,
            "groups": groups,
            "output_padding": R.randint(0, max(stride, dilation) - 1),
        }
        inputs = {
            "x": torch.randn(R.randint(1, 3), c, *pair(2, 12)),
            "weight": torch.randn(c, o, k, k) / 3,
            **maybe(0.6, ("bias", torch.randn(o * groups))),
        }
        f.op(
            "conv_transpose2d",
            kwargs,
            inputs,
            lambda x: {"y": F.conv_transpose2d(x["x"], x["weight"], x.get("bias"), **kwargs)},
        )
    for _ in range(30):
        k = pair(1, 4)
        x = {"x": torch.randn(R.randint(1, 2), R.randint(1, 4), *pair(8, 20))}
        window = {
            "kernel_size": k,
            "stride": pair(1, 4),
            "padding": [R.randint(0, k[0] // 2), R.randint(0, k[1] // 2)],
            "ceil_mode": R.random() < 0.5,
        }
        largest = {**window, "dilation": pair(1, 2)}
        f.op(
            "max_pool2d",
            largest,
            x,
            lambda x: dict(zip(("y", "indices"), F.max_pool2d(x["x"], return_indices=True, **largest))),
        )
        mean = {**window, "count_include_pad": R.random() < 0.5, "divisor_override": R.choice((None, None, 3))}
        f.op("avg_pool2d", mean, x, lambda x: {"y": F.avg_pool2d(x["x"], **mean)})
    for _ in range(10):
        size, x = pair(1, 9), {"x": torch.randn(2, 3, *pair(1, 15))}
        f.op("adaptive_avg_pool2d", {"output_size": size}, x, lambda x: {"y": F.adaptive_avg_pool2d(x["x"], size)})
        f.op("adaptive_max_pool2d", {"output_size": size}, x, lambda x: {"y": F.adaptive_max_pool2d(x["x"], size)})


def norms_and_losses(f):
    for _ in range(8):
        c, training, momentum, eps = (
            R.randint(1, 20),
            R.random() < 0.6,
            R.choice((0.1, 0.3, 0.01)),
            R.choice((1e-5, 1e-3)),
        )
        tracked = not training or R.random() < 0.5
        affine = maybe(0.7, ("weight", torch.randn(c)), ("bias", torch.randn(c)))
        running = {"running_mean": torch.randn(c), "running_var": torch.rand(c) + 0.5} if tracked else {}

        def batch_norm(x):
            mean, var = (x[k].clone() if tracked else None for k in ("running_mean", "running_var"))
            y = {"y": F.batch_norm(x["x"], mean, var, x.get("weight"), x.get("bias"), training, momentum, eps)}
            return {**y, "running_mean_after": mean, "running_var_after": var} if tracked else y

        f.op(
            "batch_norm2d",
            {
                "training": training,
                "momentum": momentum,
                "eps": eps,
                "affine": bool(affine),
                "track_running_stats": tracked,
            },
            {"x": torch.randn(R.randint(2, 5), c, *pair(1, 9)) * 2 + 1, **affine, **running},
            batch_norm,
            running,
        )
        shape, eps = R.choice(([R.randint(3, 70)], pair(2, 20))), R.choice((1e-5, 1e-12))
        x = torch.randn(*pair(1, 6), *shape) * R.choice((0.1, 1, 10)) + R.choice((0, 5))
        f.op(
            "layer_norm",
            {"normalized_shape": shape, "eps": eps},
            {"x": x, **maybe(0.7, ("weight", torch.randn(shape)), ("bias", torch.randn(shape)))},
            lambda x: {"y": F.layer_norm(x["x"], shape, x.get("weight"), x.get("bias"), eps)},
        )
        groups = R.randint(1, 4)
        c = groups * R.randint(1, 4)
        f.op(
            "group_norm",
            {"num_groups": groups, "eps": 1e-5},
            {"x": torch.randn(R.randint(1, 4), c, *pair(2, 6)), "weight": torch.randn(c), "bias": torch.randn(c)},
            lambda x: {"y": F.group_norm(x["x"], groups, x["weight"], x["bias"], 1e-5)},
        )
    for _ in range(30):
        n, c, places = R.randint(1, 40), R.randint(2, 50), R.choice(((), (), (3, 4)))
        kwargs = {
            "reduction": R.choice(("mean", "sum", "none")),
            "label_smoothing": R.choice((0.0, 0.1, 0.3)),
            "ignore_index": R.choice((-100, 0, 1)),
        }
        target = torch.randint(2, c + 1, (n, *places)) % c  # one at least is not ignored: class 0 and 1 are seldom
        target.view(-1)[0] = c - 1
        if c == 2:
            kwargs["ignore_index"] = -100
        soft = R.random() < 0.25
        if soft:
            kwargs["ignore_index"], target = -100, torch.softmax(torch.randn(n, c, *places), 1)
        weight = maybe(0.3, ("weight", torch.rand(c) + 0.2))
        f.op(
            "cross_entropy",
            {
                **kwargs,
                "target": "class probabilities" if soft else "class indices",
                "class_dim": 1,
                "weighted": bool(weight),
            },
            {"logits": torch.randn(n, c, *places) * R.choice((1, 5)), "target": target, **weight},
            lambda x: {"y": F.cross_entropy(x["logits"], x["target"], x.get("weight"), **kwargs)},
            ("target", "weight"),
        )
    for _ in range(5):
        shape, reduction = (R.randint(1, 9), R.randint(1, 30)), R.choice(("mean", "sum", "none"))
        two = {"a": torch.randn(shape), "b": torch.randn(shape)}
        for op, function, kwargs in (
            ("mse", F.mse_loss, {}),
            ("l1", F.l1_loss, {}),
            ("smooth_l1", F.smooth_l1_loss, {"beta": R.choice((0.5, 1.0))}),
            ("huber", F.huber_loss, {"delta": R.choice((0.7, 2.0))}),
        ):
            f.op(
                op,
                {"reduction": reduction, **kwargs},
                two,
                lambda x: {"y": function(x["a"], x["b"], reduction=reduction, **kwargs)},
                ("b",),
            )
        dim = R.choice((0, 1, -1))
        f.op(
            "cosine_similarity",
            {"dim": dim, "eps": 1e-8},
            two,
            lambda x: {"y": F.cosine_similarity(x["a"], x["b"], dim)},
        )
        f.op(
            "normalize",
            {"eps": 1e-12, "p": 2.0, "dim": dim},
            {"a": two["a"]},
            lambda x: {"y": F.normalize(x["a"], dim=dim)},
        )
        a, b = R.choice((((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 1, 3, 4), (3, 4, 6)), ((3, 4), (5, 2, 4, 3))))
        f.op("matmul", {}, {"a": torch.randn(a), "b": torch.randn(b)}, lambda x: {"y": x["a"] @ x["b"]})


def activations_and_interpolation(f):
    for _ in range(60):
        mode, n = R.choice(("nearest", "bilinear", "bicubic")), pair(2, 12)
        corners, antialias = (False, False) if mode == "nearest" else (R.random() < 0.4, R.random() < 0.3)
        size, factor = (pair(1, 20), None) if R.random() < 0.5 else (None, [round(R.uniform(0.5, 3), 3) for _ in n])
        if factor and any(int(a * b) in (a, 2 * a) for a, b in zip(n, factor)):
            continue  # PyTorch's gradients, in some layouts and versions its values, are not those of the factor
        kwargs = {
            "size": size,
            "scale_factor": factor,
            "mode": mode,
            "antialias": antialias,
            "recompute_scale_factor": R.choice((None, False, True)) if factor else None,
        }
        f.op(
            "interpolate",
            {**kwargs, "align_corners": corners},
            {"x": torch.randn(2, 3, *n)},
            lambda x: {"y": F.interpolate(x["x"], align_corners=None if mode == "nearest" else corners, **kwargs)},
        )
    plain = {
        "relu": F.relu,
        "gelu": F.gelu,
        "silu": F.silu,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "mish": F.mish,
        "softsign": F.softsign,
        "logsigmoid": F.logsigmoid,
        "erf": torch.erf,
        "relu6": F.relu6,
    }
    for _ in range(6):
        x = {"x": torch.randn(*pair(1, 5), R.randint(1, 40)) * R.choice((0.01, 1, 5, 30))}
        for op, function in plain.items():
            f.op(op, {}, x, lambda x: {"y": function(x["x"])})
        for op, function, kwargs in (
            ("softplus", F.softplus, {"beta": R.choice((0.5, 1.0, 2.0)), "threshold": R.choice((5.0, 20.0))}),
            ("elu", F.elu, {"alpha": R.choice((0.3, 1.0, 2.0))}),
            ("leaky_relu", F.leaky_relu, {"negative_slope": R.choice((0.01, 0.2))}),
            *[
                (op, g, {"dim": d})
                for d in (0, 1, -1)
                for op, g in (("softmax", F.softmax), ("log_softmax", F.log_softmax))
            ],
        ):
            f.op(op, kwargs, x, lambda x: {"y": function(x["x"], **kwargs)})


def attention(f):
    for _ in range(40):
        heads, n, length = R.randint(1, 5), R.randint(1, 3), R.randint(1, 20)
        e, alone, first = heads * R.randint(1, 9), R.random() < 0.5, R.random() < 0.5
        keys = length if alone else R.randint(1, 20)
        kdim, vdim = (None, None) if alone or R.random() < 0.6 else pair(1, 12)
        kwargs = {
            "embed_dim": e,
            "num_heads": heads,
            "bias": R.random() < 0.7,
            "add_bias_kv": R.random() < 0.2,
            "add_zero_attn": R.random() < 0.2,
            "kdim": kdim,
            "vdim": vdim,
            "batch_first": first,
            "dropout": 0.0,
        }
        module = torch.nn.MultiheadAttention(**kwargs)
        shape = (lambda t, d: (n, t, d)) if first else (lambda t, d: (t, n, d))
        inputs = {"query": torch.randn(shape(length, e))}
        if not alone:
            inputs.update(key=torch.randn(shape(keys, kdim or e)), value=torch.randn(shape(keys, vdim or e)))
        mask = R.choice((None, "float", (length, keys), (n * heads, length, keys)))
        if mask == "float":
            inputs["attn_mask"] = torch.randn(length, keys)
        elif mask:
            inputs["attn_mask"] = torch.rand(mask) < 0.3
            inputs["attn_mask"][..., 0] = False
        if mask != "float" and R.random() < 0.4:
            inputs["key_padding_mask"] = torch.rand(n, keys) < 0.3
            inputs["key_padding_mask"][:, 0] = False
        inputs.update({f"param.{k}": torch.randn_like(v) * 0.3 for k, v in module.state_dict().items()})
        averaged = R.random() < 0.6

        def attend(x):
            turned = (lambda t: t.transpose(0, 1)) if first else (lambda t: t)
            q, p = x["query"], lambda k: x.get(f"param.{k}")
            y, weights = F.multi_head_attention_forward(
                turned(q),
                turned(x.get("key", q)),
                turned(x.get("value", q)),
                e,
                heads,
                p("in_proj_weight"),
                p("in_proj_bias"),
                p("bias_k"),
                p("bias_v"),
                kwargs["add_zero_attn"],
                0.0,
                p("out_proj.weight"),
                p("out_proj.bias"),
                training=False,
                key_padding_mask=x.get("key_padding_mask"),
                attn_mask=x.get("attn_mask"),
                use_separate_proj_weight=not module._qkv_same_embed_dim,
                q_proj_weight=p("q_proj_weight"),
                k_proj_weight=p("k_proj_weight"),
                v_proj_weight=p("v_proj_weight"),
                average_attn_weights=averaged,
            )
            return {"y": turned(y), "attn_weights": weights}

        f.op(
            "MultiheadAttention",
            {**kwargs, "average_attn_weights": averaged, "self_attention": alone},
            inputs,
            attend,
            ("attn_mask",),
        )


def recurrent(f, module):
    lstm = module is torch.nn.LSTM
    for _ in range(14):
        hidden, layers, n, time = R.randint(2, 40), R.randint(1, 3), R.randint(1, 40), R.randint(1, 12)
        kwargs = {
            "input_size": R.randint(1, 40),
            "hidden_size": hidden,
            "num_layers": layers,
            "bias": R.random() < 0.8,
            "batch_first": R.random() < 0.5,
            "bidirectional": R.random() < 0.4,
        }
        if lstm:
            kwargs["proj_size"] = R.randint(1, hidden - 1) if R.random() < 0.25 else 0
        if module is torch.nn.RNN:
            kwargs["nonlinearity"] = R.choice(("tanh", "relu"))
        net, first = module(**kwargs), kwargs["batch_first"]
        out, states = kwargs.get("proj_size") or hidden, layers * (2 if kwargs["bidirectional"] else 1)
        lengths = [R.randint(1, time) for _ in range(n)] if R.random() < 0.4 else None
        shape = (lambda d: (n, time, d)) if first else (lambda d: (time, n, d))
        inputs = {
            "x": torch.randn(shape(kwargs["input_size"])),
            "cot_out": torch.randn(shape(out * (states // layers))),
            "cot_hn": torch.randn(states, n, out),
            **({"cot_cn": torch.randn(states, n, hidden)} if lstm else {}),
        }
        given = R.random() < 0.6
        if given:
            inputs.update(
                {k.replace("cot_", "").replace("n", "0"): torch.randn(v.shape) for k, v in list(inputs.items())[2:]}
            )
        answers = []
        for dtype in (torch.float32, torch.float64):
            net.zero_grad()
            net = net.to(dtype)
            x = {k: v.to(dtype).clone().requires_grad_(not k.startswith("cot")) for k, v in inputs.items()}
            fed = x["x"]
            if lengths:
                fed = torch.nn.utils.rnn.pack_padded_sequence(fed, torch.tensor(lengths), first, enforce_sorted=False)
            y, last = net(fed, (x["h0"], x["c0"]) if given and lstm else x["h0"] if given else None)
            if lengths:
                y = torch.nn.utils.rnn.pad_packed_sequence(y, first, total_length=time)[0]
            ends = dict(zip(("hn", "cn"), last)) if lstm else {"hn": last}
            loss = (y * x["cot_out"]).sum() + sum((v * x[f"cot_{k}"]).sum() for k, v in ends.items())
            loss.backward()
            gradients = {
                **{k: v.grad for k, v in x.items() if v.requires_grad},
                **{k: v.grad for k, v in net.named_parameters()},
            }
            answers.append(
                {
                    k: v.detach().clone()
                    for k, v in {
                        "output": y,
                        **ends,
                        "loss": loss,
                        **{f"grad.{k}": v for k, v in gradients.items()},
                    }.items()
                }
            )
        name = f"{f.kind}{len(f.cases)}"
        f.weights.update({f"{name}.{k}": v.float() for k, v in net.state_dict().items()})
        f.inputs.update({f"{name}.{k}": v for k, v in inputs.items()})
        if lengths:
            f.inputs[f"{name}.lengths"] = torch.tensor(lengths)
        f.expect(name, answers)
        f.cases[name] = {**kwargs, "batch": n, "time": time, "initial_state_given": given, "packed_lengths": lengths}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    warnings.simplefilter("ignore")
    R.seed(int(sys.argv[1]))
    torch.manual_seed(int(sys.argv[1]))
    for kind, draw in (
        ("ops-conv", convolutions),
        ("ops-norm-loss", norms_and_losses),
        ("ops-attention", attention),
        ("ops-activation-interp", activations_and_interpolation),
    ):
        f = Fixture(kind, 2e-5)
        draw(f)
        f.write(sys.argv[2])
    for kind, module in (("lstm", torch.nn.LSTM), ("gru", torch.nn.GRU), ("rnn", torch.nn.RNN)):
        f = Fixture(kind, 1e-5)
        recurrent(f, module)
        f.write(sys.argv[2], f"torch.nn.{kind.upper()}")


if __name__ == "__main__":
    main()
