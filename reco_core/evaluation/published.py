"""Figures that papers report, to print beside ours where the protocol is the same.

accuracy / mIoU in per cent; None where a paper gives none. ReCo's and DenseCLIP's are from the ReCo paper
(arXiv 2206.07045, tables 2 to 6), which also quotes the others.
"""

Row = tuple[str, float | None, float]

PUBLISHED: dict[str, tuple[Row, ...]] = {
    "coco_stuff27": (
        ("IIC, trained on the set", 21.8, 6.7),
        ("MDC, trained on the set", 32.2, 9.8),
        ("PiCIE, trained on the set", 48.1, 13.8),
        ("PiCIE+H, trained on the set", 50.0, 14.4),
        ("STEGO, trained on the set", 56.9, 28.2),
        ("DenseCLIP (paper)", 32.2, 19.6),
        ("ReCo (paper)", 46.1, 26.3),
        ("ReCo+ (paper), trained on the set", 54.1, 32.6),
    ),
    "cityscapes27": (
        ("MDC, zero-shot", None, 7.0),
        ("PiCIE, zero-shot", None, 9.7),
        ("D&S, zero-shot", None, 16.2),
        ("IIC, trained on the set", 47.9, 6.4),
        ("MDC, trained on the set", 40.7, 7.1),
        ("PiCIE, trained on the set", 65.5, 12.3),
        ("STEGO, trained on the set", 73.2, 21.0),
        ("DenseCLIP (paper)", 35.9, 10.0),
        ("ReCo (paper)", 74.6, 19.3),
        ("ReCo+ (paper), trained on the set", 83.7, 24.2),
    ),
    "cityscapes27_full": (("ReCo (paper)", 65.4, 22.0),),
    "kitti_step19": (
        ("SegSort, trained on the set", 69.8, 19.2),
        ("HSG, trained on the set", 73.8, 21.7),
        ("DenseCLIP (paper)", 34.1, 15.3),
        ("ReCo (paper)", 70.6, 29.8),
        ("ReCo+ (paper), trained on the set", 75.3, 31.9),
    ),
    "pascal_context59": (
        ("language guidance, no language at inference (paper)", None, 5.7),
        ("neither language guidance nor context elimination (paper)", None, 21.8),
        ("language guidance (paper)", None, 23.1),
        ("context elimination (paper)", None, 26.0),
        ("both, which is ReCo (paper)", None, 26.6),
        ("ReCo with CRF (paper)", None, 27.2),
    ),
}
