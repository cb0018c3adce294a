"""PFADSeg in PyTorch, with the names of docs/file_formats.md. Everything is (n, c, h, w)."""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Options:
    """Which parts the network has; rcm, aff and pcar off is DeSTSeg."""
    rcm: bool = True  # instead of ASPP
    aff: bool = True  # instead of addition in the residual blocks
    pcar: bool = True  # instead of the second 3x3 in the residual blocks
    plain_decoder: bool = False  # ResNet18's own blocks in the student's decoder
    rcm_band: int = 11  # length of RCM's strips, odd
    rcm_mlp_ratio: int = 2
    map: str = "segmentation"  # or product: that times the mean cosine distance of teacher and student
    pooled_norm: str = "batch"  # where AFF and ASPP see one vector a picture: batch, layer, none or pixel


def conv(inputs, outputs, kernel=3, stride=1, dilation=1, bias=False):
    return nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel // 2), dilation, bias=bias)


def depthwise(channels, height, width):
    return nn.Conv2d(channels, channels, (height, width), padding="same", groups=channels)


def resize(x, size):
    return F.interpolate(x, size, mode="bilinear", align_corners=False)


class SPR(nn.Module):
    """Spatial pyramid recalibration: a weight in (0, 1) a channel, from means of the whole and its quarters."""

    def __init__(self, channels):
        super().__init__()
        hidden = max(1, channels // 16)
        self.fc1 = conv(5 * channels, hidden, 1, bias=True)
        self.fc2 = conv(hidden, channels, 1, bias=True)

    def forward(self, x):
        quarters = F.adaptive_avg_pool2d(x, 2).reshape(x.shape[0], -1, 1, 1)
        pools = torch.cat([F.adaptive_avg_pool2d(x, 1), quarters], 1)
        return torch.sigmoid(self.fc2(F.relu(self.fc1(pools))))


class PCAR(nn.Module):
    """Three 3x3 convolutions, summed with the softmax over the branches of what one SPR says of each."""

    def __init__(self, channels):
        super().__init__()
        self.convs = nn.ModuleList(conv(channels, channels) for _ in range(3))
        self.spr = SPR(channels)

    def forward(self, x):
        branches = torch.stack([branch(x) for branch in self.convs])
        weights = torch.stack([self.spr(branch) for branch in branches]).softmax(0)
        return (weights * branches).sum(0)


class ChannelNorm(nn.LayerNorm):
    """Layer norm of every position over its channels."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def pooled(x, layer, bn, ln, norm):
    """The mean over the picture through a 1x1 convolution, a norm and ReLU; `pixel` has the statistics of pixels."""
    if norm == "pixel":
        return F.relu(F.adaptive_avg_pool2d(bn(layer(x)), 1))
    y = layer(F.adaptive_avg_pool2d(x, 1))
    return F.relu(bn(y) if bn else ln(y) if ln else y)


class AFFLocal(nn.Module):
    """1x1 to a quarter of the channels, batch norm, ReLU, 1x1 back, batch norm."""

    def __init__(self, channels):
        super().__init__()
        hidden = max(1, channels // 4)
        self.reduce, self.reduce_bn = conv(channels, hidden, 1, bias=True), nn.BatchNorm2d(hidden)
        self.expand, self.expand_bn = conv(hidden, channels, 1, bias=True), nn.BatchNorm2d(channels)

    def forward(self, x):
        return self.expand_bn(self.expand(F.relu(self.reduce_bn(self.reduce(x)))))


class AFFGlobal(nn.Module):
    """The mean over the picture, 1x1 to a quarter of the channels, a norm, ReLU, 1x1 back; batch norm as published."""

    def __init__(self, channels, norm):
        super().__init__()
        self.norm, hidden = norm, max(1, channels // 4)
        self.reduce = conv(channels, hidden, 1, bias=True)
        self.reduce_bn = nn.BatchNorm2d(hidden) if norm in ("batch", "pixel") else None
        self.reduce_ln = ChannelNorm(hidden) if norm == "layer" else None
        self.expand = conv(hidden, channels, 1, bias=True)
        self.expand_bn = nn.BatchNorm2d(channels) if norm == "batch" else None

    def forward(self, x):
        y = self.expand(pooled(x, self.reduce, self.reduce_bn, self.reduce_ln, self.norm))
        return self.expand_bn(y) if self.expand_bn else y


class AFF(nn.Module):
    """Attentional feature fusion of the main path x and the shortcut r: 2 x w + 2 r (1 - w)."""

    def __init__(self, channels, norm):
        super().__init__()
        self.local_branch, self.global_branch = AFFLocal(channels), AFFGlobal(channels, norm)

    def forward(self, x, r):
        s = x + r
        w = torch.sigmoid(self.local_branch(s) + self.global_branch(s))
        return 2 * x * w + 2 * r * (1 - w)


class Block(nn.Module):
    """3x3, batch norm, ReLU, PCAR or 3x3, batch norm, joined to the shortcut by AFF or addition, ReLU."""

    def __init__(self, inputs, outputs, stride, pcar, aff, norm):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.pcar = PCAR(outputs) if pcar else None
        self.conv2 = None if pcar else conv(outputs, outputs)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.aff = AFF(outputs, norm) if aff else None
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.pcar(y) if self.pcar else self.conv2(y))
        r = self.downsample(x) if self.downsample else x
        return F.relu(self.aff(y, r) if self.aff else y + r)


def stage(inputs, outputs, stride, pcar=False, aff=False, norm="batch"):
    return nn.Sequential(Block(inputs, outputs, stride, pcar, aff, norm), Block(outputs, outputs, 1, pcar, aff, norm))


class ResNet18(nn.Module):
    """The trunk: 64 channels at 1/4 of the picture, 128 at 1/8, 256 at 1/16 and, of four stages, 512 at 1/32."""

    def __init__(self, stages, **kind):
        super().__init__()
        self.conv1, self.bn1 = conv(3, 64, 7, 2), nn.BatchNorm2d(64)
        self.layer1 = stage(64, 64, 1, **kind)
        self.layer2 = stage(64, 128, 2, **kind)
        self.layer3 = stage(128, 256, 2, **kind)
        self.layer4 = stage(256, 512, 2, **kind) if stages == 4 else None

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        outputs = []
        for layer in filter(None, (self.layer1, self.layer2, self.layer3, self.layer4)):
            x = layer(x)
            outputs.append(x)
        return outputs


class Student(nn.Module):
    """An encoder and its mirror image without skips: features in the order and shapes of the teacher's."""

    def __init__(self, options):
        super().__init__()
        kind = {"pcar": options.pcar, "aff": options.aff, "norm": options.pooled_norm}
        decoder = {} if options.plain_decoder else kind
        self.encoder = ResNet18(4, **kind)
        self.decoder4 = stage(512, 512, 1, **decoder)
        self.decoder3 = stage(512, 256, 1, **decoder)
        self.decoder2 = stage(256, 128, 1, **decoder)
        self.decoder1 = stage(128, 64, 1, **decoder)

    def forward(self, x):
        e1, e2, e3, e4 = self.encoder(x)
        d3 = self.decoder3(resize(self.decoder4(e4), e3.shape[2:]))
        d2 = self.decoder2(resize(d3, e2.shape[2:]))
        return [self.decoder1(resize(d2, e1.shape[2:])), d2, d3]


class RCM(nn.Module):
    """Rectangular self-calibration: x + scale MLP(norm(attention * square(x))), attention from two strips."""

    def __init__(self, channels, band, ratio):
        super().__init__()
        self.square = depthwise(channels, 3, 3)
        self.horizontal, self.horizontal_bn = depthwise(channels, 1, band), nn.BatchNorm2d(channels)
        self.vertical, self.norm = depthwise(channels, band, 1), nn.BatchNorm2d(channels)
        self.fc1 = conv(channels, ratio * channels, 1, bias=True)
        self.fc2 = conv(ratio * channels, channels, 1, bias=True)
        self.layer_scale = nn.Parameter(torch.full((channels,), 1e-6))

    def forward(self, x):
        cross = x.mean(3, keepdim=True) + x.mean(2, keepdim=True)
        attention = torch.sigmoid(self.vertical(F.relu(self.horizontal_bn(self.horizontal(cross)))))
        y = self.norm(attention * self.square(x))
        return x + self.layer_scale.view(1, -1, 1, 1) * self.fc2(F.gelu(self.fc1(y)))


class ConvBNReLU(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, *geometry, **more):
        super().__init__()
        self.conv, self.bn = conv(*geometry, **more), nn.BatchNorm2d(geometry[1])

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class ASPPPool(nn.Module):
    """The mean over the picture, 1x1, a norm, ReLU; without a norm the convolution has a bias."""

    def __init__(self, channels, norm):
        super().__init__()
        self.norm = norm
        self.conv = conv(channels, channels, 1, bias=norm == "none")
        self.bn = nn.BatchNorm2d(channels) if norm in ("batch", "pixel") else None
        self.ln = ChannelNorm(channels) if norm == "layer" else None

    def forward(self, x):
        return pooled(x, self.conv, self.bn, self.ln, self.norm)


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: the mean over the picture and three dilations, fused."""

    def __init__(self, channels, norm):
        super().__init__()
        self.pool = ASPPPool(channels, norm)
        self.atrous = nn.ModuleList(ConvBNReLU(channels, channels, dilation=d) for d in (6, 12, 18))
        self.fuse = ConvBNReLU(4 * channels, channels)

    def forward(self, x):
        mean = self.pool(x).expand_as(x)
        return self.fuse(torch.cat([mean, *(branch(x) for branch in self.atrous)], 1))


class Segmentation(nn.Module):
    """Similarities (n, 448, h, w) to logits (n, 1, h, w)."""

    def __init__(self, options):
        super().__init__()
        self.res = stage(448, 256, 1, options.pcar, options.aff, options.pooled_norm)
        self.context = (RCM(256, options.rcm_band, options.rcm_mlp_ratio) if options.rcm
                        else ASPP(256, options.pooled_norm))
        self.head, self.head_bn = conv(256, 256), nn.BatchNorm2d(256)
        self.out = conv(256, 1, 1, bias=True)

    def forward(self, x):
        return self.out(F.relu(self.head_bn(self.head(self.context(self.res(x))))))


def unit(x):
    """Vectors over the channels, of length 1."""
    return x / (x.norm(dim=1, keepdim=True) + 1e-12)


class PFADSeg(nn.Module):
    """The whole: a fixed teacher, a student that learns its features of what is good, a network for the map."""

    def __init__(self, options=Options(), size=256, threshold=0.5, notes=None):
        super().__init__()
        self.options = options
        self.size = size  # pictures are resized to size x size
        self.threshold = threshold  # scores and pixels of the map from here on are defects
        self.notes = dict(notes or {})  # anything else in the file's metadata
        self.teacher = ResNet18(3)
        self.student = Student(options)
        self.segmentation = Segmentation(options)

    def similarity(self, x):
        """Equation (2): products of the unit features of all levels, at a quarter of the size."""
        levels = [unit(t) * unit(s) for t, s in zip(self.teacher(x), self.student(x))]
        return torch.cat([resize(level, levels[0].shape[2:]) for level in levels], 1)

    def forward(self, x):
        """Maps (n, 1, h, w) of the pictures' size and scores (n), the means of their 100 highest pixels."""
        similarity = self.similarity(x)
        maps = torch.sigmoid(self.segmentation(similarity))
        if self.options.map == "product":
            maps = maps * (1 - similarity.sum(1, keepdim=True) / 3).clamp(0, 1)
        maps = resize(maps, x.shape[2:])
        pixels = maps.flatten(1)
        return maps, pixels.topk(min(100, pixels.shape[1])).values.mean(1)
