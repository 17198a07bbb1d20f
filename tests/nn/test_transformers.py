"""Transformers of Hugging Face, from their configurations, as teachers and students."""

import copy
import runpy
from pathlib import Path

import pytest
import torch
from torch import nn

from stepdown.nn import KD, Transfer, auxiliary, propose_pairs

transformers = pytest.importorskip("transformers", reason="transformers isn't there")
EXAMPLE = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "transformers_to_small.py"))


@pytest.mark.parametrize("name", [*EXAMPLE["SENTENCES"]])
def test_every_method_goes_from_bert_to_a_recurrent_network_and_from_a_vit_to_a_cnn(name):
    found = EXAMPLE["main"](epochs=1, methods=[name])
    assert [title for title, _ in found] == ["BERT -> LSTM", "ViT -> CNN"]


SHAPE = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}


def test_question_answering_tagging_and_language_models():
    ids = torch.randint(1, 30, (4, 8))
    x = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    config = transformers.BertConfig(vocab_size=30, num_labels=5, is_decoder=False, **SHAPE)
    causal = transformers.GPT2Config(vocab_size=30, n_positions=16, n_embd=16, n_layer=1, n_head=2)
    following = nn.functional.pad(ids[:, 1:], (0, 1), value=-100)
    for kind, settings, y in [
        (transformers.BertForQuestionAnswering, transformers.BertConfig(vocab_size=30, **SHAPE), ids % 8),
        (transformers.BertForTokenClassification, config, ids % 5),
        (transformers.BertForMaskedLM, config, ids),
        (transformers.GPT2LMHeadModel, causal, following),
    ]:
        teacher, student = kind(settings), kind(settings)
        y = {"start_logits": y[:, 0], "end_logits": y[:, 1]} if "Question" in kind.__name__ else y
        with Transfer(teacher, student, KD()) as transfer:
            transfer.loss(x, student(**x), y, epoch=0).backward()
        ours = {name for name, values in student.named_parameters() if values.grad is None}
        assert not ours, f"{kind.__name__}: {ours}"
        copy.deepcopy(student)(**x)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_wider_and_narrower_networks_come_from_the_configuration(factor):
    ids = {"input_ids": torch.randint(1, 30, (4, 8))}
    causal = transformers.GPT2Config(vocab_size=30, n_positions=16, n_embd=16, n_layer=1, n_head=2)
    small = transformers.DistilBertConfig(vocab_size=30, dim=16, hidden_dim=32, n_layers=1, n_heads=2)
    for student, x in [
        (EXAMPLE["bert"](), ids),
        (EXAMPLE["vit"](), {"pixel_values": torch.randn(4, 1, 8, 8)}),
        (transformers.GPT2LMHeadModel(causal), ids),
        (transformers.DistilBertForSequenceClassification(small), ids),
    ]:
        before = copy.deepcopy(student.config.to_dict())
        made = auxiliary(student, factor, example=x)
        sizes = [sum(values.numel() for values in network.parameters()) for network in (made, student)]
        assert type(made) is type(student)
        assert (sizes[0] > sizes[1]) == (factor > 1)
        assert student.config.to_dict() == before
        assert [name for name, _ in made.named_modules()] == [name for name, _ in student.named_modules()]


def test_pairs_of_layers_are_proposed():
    teacher, student = EXAMPLE["bert"](), EXAMPLE["Lstm"]()
    x, y = EXAMPLE["sentences"](32)
    pairs = propose_pairs(teacher, student, x, y)
    assert pairs[-1][1] == "lstm"
