"""From transformers of Hugging Face to a small LSTM and a small CNN, by each method.

The teachers are built from configurations, so that nothing is downloaded; a trained one is loaded by `from_pretrained`.

Run it with:  pip install transformers && python examples/transformers_to_small.py
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

from stepdown.nn import KD, PKT, InformationFlow, Transfer, WeightedSum
from stepdown.nn.contrib import AT, RKD, SP, VID, Hint, Logit

LABELS = (1.0, KD(weight=0.0))


class Lstm(nn.Module):
    """A student of sentences; it takes what the tokenizer of the teacher makes."""

    def __init__(self, width=16):
        super().__init__()
        self.words = nn.Embedding(60, width, padding_idx=0)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, 2)

    def forward(self, input_ids, attention_mask):
        states = self.lstm(self.words(input_ids))[0]
        last = attention_mask.sum(1) - 1
        return self.head(states[torch.arange(len(states)), last])


class Cnn(nn.Module):
    """A student of images whose maps have the sides of the teacher's patches."""

    def __init__(self, width=8):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, width, 2, stride=2), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1))
        self.head = nn.Linear(width, 10)

    def forward(self, pixel_values):
        return self.head(self.body(pixel_values).relu().mean((2, 3)))


def bert():
    from transformers import BertConfig, BertForSequenceClassification

    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    return BertForSequenceClassification(BertConfig(vocab_size=60, max_position_embeddings=16, **shape))


def vit():
    from transformers import ViTConfig, ViTForImageClassification

    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    return ViTForImageClassification(ViTConfig(image_size=8, patch_size=2, num_channels=1, num_labels=10, **shape))


SENTENCES = {
    "KD": KD(),
    "Logit": Logit(),
    "PKT": WeightedSum([LABELS, (1.0, PKT([("bert.pooler", "head:input")], reduction="row"))]),
    "InformationFlow": WeightedSum(
        [LABELS, (1.0, InformationFlow([("bert.embeddings", "words"), ("bert.encoder", "lstm")], pool="mean"))]
    ),
    "SP": WeightedSum([LABELS, (100.0, SP([("bert.pooler", "head:input")]))]),
    "RKD": WeightedSum([LABELS, (0.1, RKD([("bert.pooler", "head:input")]))]),
    "Hint": WeightedSum([LABELS, (1.0, Hint([("bert.encoder", "lstm")]))]),
    "VID": WeightedSum([LABELS, (1.0, VID([("bert.encoder", "lstm")]))]),
    "AT": WeightedSum([LABELS, (100.0, AT([("bert.encoder", "lstm")]))]),
}

PATCHES = {"tokens": slice(1, None)}  # without the class token, which is no patch
IMAGES = {
    "KD": KD(),
    "Logit": Logit(),
    "PKT": WeightedSum([LABELS, (1.0, PKT([("classifier:input", "head:input")], reduction="row"))]),
    "InformationFlow": WeightedSum(
        [LABELS, (1.0, InformationFlow([("vit.embeddings", "body.0"), ("classifier:input", "head:input")]))]
    ),
    "SP": WeightedSum([LABELS, (100.0, SP([("vit.layernorm", "body")], **PATCHES, pool="mean"))]),
    "RKD": WeightedSum([LABELS, (0.1, RKD([("classifier:input", "head:input")]))]),
    "Hint": WeightedSum([LABELS, (1.0, Hint([("vit.layernorm", "body")], **PATCHES))]),
    "VID": WeightedSum([LABELS, (1.0, VID([("vit.layernorm", "body")], **PATCHES))]),
    "AT": WeightedSum([LABELS, (100.0, AT([("vit.layernorm", "body")], **PATCHES))]),
}


def sentences(n=512):
    """Sentences of words 2 to 59, of different lengths; those are positive in which more words are even."""
    lengths = torch.randint(5, 13, (n, 1))
    mask = (torch.arange(12) < lengths).long()
    ids = torch.randint(2, 60, (n, 12)) * mask
    return {"input_ids": ids, "attention_mask": mask}, ((ids % 2 == 0) * mask).sum(1).gt(lengths[:, 0] / 2).long()


def images():
    X, y = load_digits(return_X_y=True)
    return {"pixel_values": torch.tensor(X[:768] / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)}, torch.tensor(y[:768])


def batches(x, y, size=64):
    for rows in torch.randperm(len(y)).split(size):
        yield {name: values[rows] for name, values in x.items()}, y[rows]


def trained(teacher, x, y, epochs):
    optimizer = torch.optim.Adam(teacher.parameters(), lr=2e-3)
    for _ in range(epochs):
        for part, labels in batches(x, y):
            optimizer.zero_grad()
            nn.functional.cross_entropy(teacher(**part).logits, labels).backward()
            optimizer.step()
    return teacher.eval()


def taught(teacher, student, method, x, y, epochs):
    example = {name: values[:64] for name, values in x.items()}
    with Transfer(teacher, student, method, example=example) as transfer:
        optimizer = torch.optim.Adam([*student.parameters(), *transfer.parameters()], lr=5e-3)
        for epoch in range(epochs):
            for part, labels in batches(x, y):
                optimizer.zero_grad()
                transfer.loss(part, student(**part), labels, epoch=epoch).backward()
                optimizer.step()
    return student.eval()


def main(epochs=15, methods=None):
    torch.manual_seed(0)
    found = {}
    tasks = [("BERT -> LSTM", bert, Lstm, sentences, SENTENCES), ("ViT -> CNN", vit, Cnn, images, IMAGES)]
    for title, make_teacher, make_student, rows, ways in tasks:
        x, y = rows()
        half = len(y) // 2
        learn, test = ({name: values[part] for name, values in x.items()} for part in (slice(half), slice(half, None)))
        teacher = trained(make_teacher(), learn, y[:half], epochs)
        for name, method in ways.items():
            if methods is None or name in methods:
                student = taught(teacher, make_student(), method, learn, y[:half], epochs)
                with torch.no_grad():
                    right = (student(**test).argmax(1) == y[half:]).float().mean().item()
                found[title, name] = right
                print(f"{title:13} {name:16} {right:.3f}")
    return found


if __name__ == "__main__":
    main()
