"""What render.py and race/table.py write, in Chinese: names of columns, and the few sentences between tables.

Scores and keys keep their names.
"""

import re

ENDING = ".zh-CN.md"
COLUMNS = {
    "precision": "精确率",
    "recall": "召回率",
    "boundary F1": "边界 F1",
    "AP at 0.5": "AP（0.5）",
    "merged cells": "粘连细胞",
    "split cells": "被切开的细胞",
    "false negatives": "假阴性",
    "false positives": "假阳性",
    "seconds a trial": "每次试验的秒数",
    "parameters": "参数量",
    "steps": "步数",
    "mean IoU of classes": "各类平均 IoU",
    "Dice of Otsu's threshold": "Otsu 阈值法的 Dice",
    "factor": "因素",
    "level": "水平",
    "trials": "试验数",
    "mean": "均值",
    "effect": "效应",
    "left out": "省去的规则",
    "begins with": "起点",
    "set": "数据集",
    "contestant": "参赛者",
    "processor s": "处理器秒",
    "validation score": "验证得分",
    "the rival's best": "对手的最好值",
    "reached after": "达到所需时间",
    "share of the time": "占给定时间的比例",
}
VALUES = {  # of the columns that hold words and no values of keys
    "left out": {
        "nothing": "无",
        "width": "宽度",
        "crop": "裁剪块",
        "loss": "损失函数",
        "up-sampling": "上采样",
        "directions": "方向",
        "border weight": "边界权重",
        "checkpoint": "检查点",
        "post-processing": "后处理",
    },
    "begins with": {
        "new weights": "新权重",
        "nuclei": "细胞核",
        "nuclei at a tenth of the rate": "细胞核，学习率为十分之一",
        "nuclei with a frozen encoder": "细胞核，编码器冻结",
    },
    "set": {
        "bundled nuclei": "内置细胞核",
        "DIC-HeLa, held-out time block": "DIC-HeLa，留出的时间块",
        "DRIVE, fold 0 of 4": "DRIVE，4 折中的第 0 折",
        "ISBI 2012, fold 0 of 5 by depth": "ISBI 2012，按深度 5 折中的第 0 折",
        "CamVid, its lists": "CamVid，按其自带的名单",
    },
    "contestant": {"MONAI recipe": "MONAI 方案", "defaults": "默认设置"},
    "reached after": {"not reached": "未达到"},
}
SENTENCES = (  # patterns of parts of a line, and what stands in their place
    (
        r"\*Preset (`\w+`): (\d+) trials, (\d+) seeds, (\d+) s a trial on average; ",
        r"*预设 \1：\2 次试验，\3 个随机种子，平均每次试验 \4 s；",
    ),
    (r"(\d+) cores? of ([^;]+)", r"\2，\1 个核心"),
    (r"; ([\d-]{10}); commit ([^;*]+)", r"；\1；提交 \2"),
    (r"(提交 [^；;.]+); ", r"\1；"),
    (r"(提交 [^；;.]+)\.\*$", r"\1。*"),
    (r"\*Not run yet: (`[^`]+`), then (`[^`]+`) and (`[^`]+`)\.\*", r"*尚未运行：\1，然后 \2 和 \3。*"),
    (r"\*Not run yet: (`[^`]+`), then (`[^`]+`)\.\*", r"*尚未运行：\1，然后 \2。*"),
    (r"\*Not raced yet: (`[^`]+`)\.\*", r"*尚未比赛：\1。*"),
    (r"\*Not drawn yet\.\*", "*尚未绘制。*"),
    (r"Differences from the MONAI recipe, image by image:", "与 MONAI 方案之差，逐图像计算："),
    (r"How soon the rival's best validation score was reached:", "多久达到对手的最好验证得分："),
    (
        r"Best on the validation split: (.+?) \((.+?), (\d+) seeds; test (.+?)\)\.",
        r"按验证集，最好的是 \1（\2，\3 个随机种子；测试集 \4）。",
    ),
    (
        r" (\d+) of (\d+) others lie within two standard errors of it \(seeds: SD (.+?), pooled\)\.",
        r"其余 \2 种设置中有 \1 种与它相差不到两个标准误（随机种子间的合并标准差 \3）。",
    ),
    (
        r"The difference of a level from the mean of all levels of its factor, adjusted for the other factors and for "
        r"the seeds \(least squares, no interactions\), with the 95 % interval\. "
        r"A dash: these trials don't determine it\.",
        "一个水平与其因素各水平均值之差，已按其他因素和随机种子校正（最小二乘，不含交互作用），"
        "附 95 % 置信区间。横线：这些试验无法确定它。",
    ),
    (r"^!\[Map\]", "![得分图]"),
    (r"^!\[Main effects\]", "![主效应]"),
    (r"^!\[Cost\]", "![代价]"),
    (r"^!\[(.+) of every test frame\]", r"![每个测试帧的 \1]"),
    (r"^!\[(.+) by (\S+) and (\S+)\]", r"![\1 与 \2、\3 的关系]"),
    (r"^!\[(.+) by (\S+)\]", r"![\1 与 \2 的关系]"),
)
CELLS = ((r"(\d+) of (\d+)", r"\1 / \2"), (r"(\S+ \(\S+) to (\S+\))", r"\1 至 \2"))


def translated(text: str) -> str:
    """A block that was written in English: sentences, images and tables; ValueError for one that isn't known."""
    lines, head = [], None
    for line in text.splitlines():
        head = (head or row(line)) if line.startswith("|") else None
        lines.append(table_line(line, head) if head else sentence(line))
    return "\n".join(lines)


def row(line: str) -> list[str]:
    """The cells of a line of a table."""
    return line.removeprefix("| ").removesuffix(" |").split(" | ")


def table_line(line: str, head: list[str]) -> str:
    """A line of a table under its English head."""
    cells = row(line)
    if cells == head:
        return f"| {' | '.join(sentence(COLUMNS.get(cell, cell)) for cell in cells)} |"
    if len(cells) != len(head) or set(line) <= set("|- :"):  # the line below the head
        return line
    return f"| {' | '.join(value(cell, name) for cell, name in zip(cells, head, strict=True))} |"


def value(cell: str, column: str) -> str:
    """A cell: a word of its column, or a number with the words about it."""
    cell = VALUES.get(column, {}).get(cell, COLUMNS.get(cell, cell) if column == "validation score" else cell)
    for pattern, replacement in CELLS:
        cell = re.sub(f"^{pattern}$", replacement, cell)
    return sentence(cell)


def sentence(line: str) -> str:
    """A line of prose, an image or a cell; ValueError where two English words are left side by side."""
    for pattern, replacement in SENTENCES:
        line = re.sub(pattern, replacement, line)
    for english, chinese in COLUMNS.items():
        line = re.sub(rf"(?<=!\[){re.escape(english)}(?= 与)", chinese, line)
    if re.search(r"\b[A-Za-z]?[a-z]+ [a-z]+\b", re.sub(r"`[^`]*`", "", line)):
        raise ValueError(f"experiments/chinese.py has no translation of a part of {line!r}; add one to SENTENCES")
    return line
