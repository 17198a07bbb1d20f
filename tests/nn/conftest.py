"""The nn room is optional: without torch nothing here is collected."""

import importlib.util

import pytest

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["*"]
else:
    import torch

    @pytest.fixture(autouse=True)
    def _one_thread_and_a_seed():
        torch.set_num_threads(1)
        torch.manual_seed(0)
