"""CLIP and ReCo written out from the papers' formulas, slowly, from state dicts: what the library is compared with."""

import math

import torch
import torch.nn.functional as F


def quick_gelu(x):
    return x / (1 + torch.exp(-1.702 * x))


def norm(x, w, name, eps=1e-5):
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) / (variance + eps).sqrt() * w[name + ".weight"] + w[name + ".bias"]


def heads_of(x, heads):
    width = x.shape[-1] // heads
    return [x[:, i * width : (i + 1) * width] for i in range(heads)]


def attention(q, k, v, heads, bonus=0.0):
    """Multi-head attention of (m, C) over (n, C), head by head."""
    out = []
    for a, b, c in zip(heads_of(q, heads), heads_of(k, heads), heads_of(v, heads), strict=True):
        logits = a @ b.T / math.sqrt(a.shape[-1]) + bonus
        weights = logits.exp() / logits.exp().sum(-1, keepdim=True)
        out.append(weights @ c)
    return torch.cat(out, -1)


def projections(x, w, block):
    joined = norm(x, w, block + "ln_1") @ w[block + "attn.in_proj_weight"].T + w[block + "attn.in_proj_bias"]
    width = x.shape[-1]
    return joined[:, :width], joined[:, width : 2 * width], joined[:, 2 * width :]


def out_projection(x, w, block):
    return x @ w[block + "attn.out_proj.weight"].T + w[block + "attn.out_proj.bias"]


def mlp(x, w, block):
    inner = quick_gelu(norm(x, w, block + "ln_2") @ w[block + "mlp.c_fc.weight"].T + w[block + "mlp.c_fc.bias"])
    return inner @ w[block + "mlp.c_proj.weight"].T + w[block + "mlp.c_proj.bias"]


def positions_at(positions, grid):
    """A square grid's positional embeddings at another grid, channel by channel."""
    side = math.isqrt(len(positions) - 1)
    if grid == (side, side):
        return positions
    planes = [
        F.interpolate(positions[1:, c].view(1, 1, side, side), grid, mode="bicubic", antialias=True).flatten()
        for c in range(positions.shape[1])
    ]
    return torch.cat([positions[:1], torch.stack(planes, -1)])


def first_tokens(image, w, patch):
    """What enters a transformer's first block for a photo (3, H, W), the class token first, and its grid."""
    grid = (image.shape[1] // patch, image.shape[2] // patch)
    pieces = [
        image[:, y * patch : (y + 1) * patch, x * patch : (x + 1) * patch].flatten()
        for y in range(grid[0])
        for x in range(grid[1])
    ]
    tokens = torch.stack(pieces) @ w["conv1.weight"].flatten(1).T
    tokens = torch.cat([w["class_embedding"][None], tokens]) + positions_at(w["positional_embedding"], grid)
    return norm(tokens, w, "ln_pre"), grid


def depth_of(w):
    return 1 + max(int(key.split(".")[2]) for key in w if key.startswith("transformer.resblocks."))


def masked_vit(image, w, heads, patch, mask, blocks):
    """Embedding (D,) of a segment of a photo (3, H, W), mask (h, w), by attention masking and global subtraction."""
    tokens, _ = first_tokens(image, w, patch)
    seen = torch.cat([torch.ones(1, dtype=mask.dtype), mask.flatten()])
    for i in range(depth_of(w)):
        block = f"transformer.resblocks.{i}."
        q, k, v = projections(tokens, w, block)
        if i < depth_of(w) - blocks:
            mixed = attention(q, k, v, heads)
        else:
            pairs, cosines = [], []
            for a, b in zip(heads_of(q, heads), heads_of(k, heads), strict=True):
                logits = a @ b.T / math.sqrt(a.shape[-1])
                rows = logits.exp() / logits.exp().sum(-1, keepdim=True)
                masked = torch.stack([row * seen / (row * seen).sum() for row in rows])
                cosines += [(m @ row) / (m.norm() * row.norm()) for m, row in zip(masked, rows, strict=True)]
                pairs.append((rows, masked))
            c = sum(float(cosine) for cosine in cosines) / len(cosines)
            weight = math.exp(-((c + 1) ** 2) / 5)
            values = heads_of(v, heads)
            mixed = [(m - weight * rows[0]) @ value for (rows, m), value in zip(pairs, values, strict=True)]
            mixed = torch.cat(mixed, -1)
        tokens = tokens + out_projection(mixed, w, block)
        tokens = tokens + mlp(tokens, w, block)
    return norm(tokens[0], w, "ln_post") @ w["proj"]


def vit(image, w, heads, patch, readout, affinity=None, there=None):
    """A CLIP vision transformer on one photo (3, H, W): (embedding (D,), language map (h, w, D)).

    affinity: (n, n) for proxyclip, on the grid `there` (default: the transformer's own).
    """
    tokens, grid = first_tokens(image, w, patch)
    for i in range(depth_of(w)):
        block = f"transformer.resblocks.{i}."
        q, k, v = projections(tokens, w, block)
        before = tokens
        tokens = before + out_projection(attention(q, k, v, heads), w, block)
        tokens = tokens + mlp(tokens, w, block)
    embedding = norm(tokens[0], w, "ln_post") @ w["proj"]

    whole = readout in ("maskclip", "sclip")
    if readout == "maskclip":
        mixed = v[1:]
    elif readout == "clearclip":
        mixed = attention(q[1:], q, v, heads)
    elif readout == "sclip":
        mixed = attention(q[1:], q, v, heads) + attention(k[1:], k, v, heads)
    elif readout == "naclip":
        bonus = torch.zeros(grid[0] * grid[1], 1 + grid[0] * grid[1], dtype=image.dtype)
        for p in range(grid[0] * grid[1]):
            for r in range(grid[0] * grid[1]):
                distance = (p // grid[1] - r // grid[1]) ** 2 + (p % grid[1] - r % grid[1]) ** 2
                bonus[p, 1 + r] = math.exp(-distance / (2 * 5.0**2))
        mixed = attention(k[1:], k, v, heads, bonus)
    else:
        values = v[1:].T.view(1, -1, *grid)
        grid = there or grid
        mixed = affinity @ F.interpolate(values, grid, mode="bilinear")[0].flatten(1).T
    dense = out_projection(mixed, w, block)
    if whole:
        dense = before[1:] + dense
        dense = dense + mlp(dense, w, block)
    return embedding, (norm(dense, w, "ln_post") @ w["proj"]).view(*grid, -1)


def batch_norm(x, w, name):
    shape = (1, -1, 1, 1)
    scale = w[name + ".weight"] / (w[name + ".running_var"] + 1e-5).sqrt()
    return (x - w[name + ".running_mean"].view(shape)) * scale.view(shape) + w[name + ".bias"].view(shape)


def resnet(image, w, heads):
    """CLIP's ResNet on one photo (3, H, W): (embedding (D,), language map (h, w, D))."""

    def conv(x, conv_name, norm_name, stride=1, padding=0):
        return batch_norm(F.conv2d(x, w[conv_name + ".weight"], stride=stride, padding=padding), w, norm_name)

    x = image[None]
    for i in (1, 2, 3):
        x = conv(x, f"conv{i}", f"bn{i}", stride=2 if i == 1 else 1, padding=1).relu()
    x = F.avg_pool2d(x, 2)
    for layer in (1, 2, 3, 4):
        depth = 1 + max(int(key.split(".")[1]) for key in w if key.startswith(f"layer{layer}."))
        for i in range(depth):
            b = f"layer{layer}.{i}."
            stride = 2 if layer > 1 and i == 0 else 1
            out = conv(x, b + "conv1", b + "bn1").relu()
            out = conv(out, b + "conv2", b + "bn2", padding=1).relu()
            out = conv(F.avg_pool2d(out, stride) if stride > 1 else out, b + "conv3", b + "bn3")
            if b + "downsample.0.weight" in w:
                x = conv(F.avg_pool2d(x, stride) if stride > 1 else x, b + "downsample.0", b + "downsample.1")
            x = (out + x).relu()
    grid = tuple(x.shape[2:])
    raw = x[0].flatten(1).T

    def linear(y, name):
        return y @ w[f"attnpool.{name}.weight"].T + w[f"attnpool.{name}.bias"]

    tokens = torch.cat([raw.mean(0, keepdim=True), raw])
    tokens = tokens + positions_at(w["attnpool.positional_embedding"], grid)
    mixed = attention(*(linear(tokens, name) for name in ("q_proj", "k_proj", "v_proj")), heads)
    dense = linear(linear(raw, "v_proj"), "c_proj")
    return linear(mixed, "c_proj")[0], dense.view(*grid, -1)


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def reference(features, language, text, context):
    """ReCo's reference of k photos, position by position: features (k, n, C), language (k, n, D) of norm 1."""
    count, positions, _ = features.shape
    weight = torch.zeros(count, positions)
    for j in range(count):
        for q in range(positions):
            weight[j, q] = sigmoid(10 * float(language[j, q] @ text))
            for other in context:
                weight[j, q] *= 1 - sigmoid(float(features[j, q] @ other))
    seeds = []
    for i in range(count):
        support = torch.stack([(features[i] @ features[j].T * weight[j]).amax(1) for j in range(count)]).mean(0)
        seeds.append(features[i, support.argmax()])
    return unit(torch.stack(seeds).mean(0))
