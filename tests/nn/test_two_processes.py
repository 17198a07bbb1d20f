"""Two processes train as one with the joined batch: gloo, on the CPU, with torch alone and with Accelerate."""

import copy
import gc
import os
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from skorch import NeuralNetClassifier
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from stepdown.core import InvalidInputError, TransferSet
from stepdown.nn import KD, PKT, Dense, GlobalBatch, ImageBatches, InformationFlow, Outputs, Transfer, WeightedSum
from stepdown.nn.contrib import RKD, VID, Logit

pytestmark = pytest.mark.skipif(not dist.is_gloo_available(), reason="gloo isn't there")

PAIRS = [("0", "0"), ("2", "2")]
METHODS = {
    "information flow": InformationFlow(PAIRS),
    "relations and labels": WeightedSum([(1.0, RKD(PAIRS[1:])), (0.5, KD()), (1.0, InformationFlow(PAIRS))]),
    "adapters": VID(PAIRS),
}


def networks():
    torch.manual_seed(0)
    made = [
        nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 5), nn.Tanh(), nn.Linear(5, 3))
        for width in (9, 4)
    ]
    return [network.double() for network in made]


def rows(n=13):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 6, dtype=torch.float64, generator=generator), torch.arange(n) % 3


def gradients(method, x, y, student, wrap=lambda network: network):
    teacher, _ = networks()
    torch.manual_seed(3)  # of the adapters
    transfer = Transfer(teacher, student, method, example=rows()[0])
    with transfer:
        network = wrap(student)
        for epoch in range(2):  # the second pass shows whether all gradients of the first were waited for
            loss = transfer.loss(x, network(x), y, epoch=epoch)
            student.zero_grad()
            transfer.adapters.zero_grad()
            loss.backward()
    trained = (*student.parameters(), *transfer.adapters.parameters())
    return loss.detach(), [parameter.grad for parameter in trained if parameter.grad is not None]


def in_one_of_two(rank: int, port: int, work: Callable[[int], object], folder: str) -> None:
    """What `work` finds goes to a file; the process group is down before the interpreter is.

    Whatever holds the group (a wrapped network, an accelerator, a kept traceback) lives in the frame of `work`. Were it
    alive at the end, one of gloo's threads could ask for Python's lock while Python goes, and that aborts the process.
    """
    torch.set_num_threads(1)
    os.environ.update(
        MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), RANK=str(rank), WORLD_SIZE="2", LOCAL_RANK=str(rank)
    )
    os.environ.update(ACCELERATE_USE_CPU="true", LOCAL_WORLD_SIZE="2")
    dist.init_process_group("gloo", rank=rank, world_size=2, timeout=timedelta(seconds=120))
    try:
        torch.save(work(rank), f"{folder}/{rank}.pt")
        gc.collect()
        dist.barrier()  # the first to leave takes the store with it
    finally:
        dist.destroy_process_group()
    gc.collect()


def in_two_processes(work: Callable[[int], object], folder: Path) -> list:
    mp.spawn(in_one_of_two, args=(free_port(), work, str(folder)), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def gradients_of_one(rank):
    x, y = rows()
    part = slice(0, 5) if rank == 0 else slice(5, None)  # of different sizes
    found = {}
    for name, method in METHODS.items():
        _, student = networks()
        found[name] = gradients(GlobalBatch(method), x[part], y[part], student, DistributedDataParallel)
    with pytest.raises(InvalidInputError, match="2 processes run and ImageBatches doesn't know which"):
        next(iter(ImageBatches(images())))
    torch.manual_seed(rank)
    found["heard"] = teachers_heard()
    return found


def teachers_heard():
    student, each = torch.randn(4, 3, requires_grad=True), {f"teacher{k}": torch.randn(4, 3) for k in (1, 2, 3)}
    dense = Dense(Logit(), drop=1, keep=0.5)
    return [list(dense.terms(Outputs(student), Outputs(student, each), None, epoch=0)) for _ in range(20)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_gradients_are_those_of_the_joined_batch(tmp_path):
    results = in_two_processes(gradients_of_one, tmp_path)
    x, y = rows()
    heard = [found["heard"] for found in results]
    assert heard[0] == heard[1]  # which teachers are silent is drawn once for all processes
    assert len({tuple(names) for names in heard[0]}) > 3
    for found in results:
        for name, method in METHODS.items():
            _, student = networks()
            loss, expected = gradients(GlobalBatch(method), x, y, student)
            torch.testing.assert_close(found[name][0], loss, rtol=0, atol=1e-9)
            head = 2 if name != "relations and labels" else 0  # a head without a loss: zeros there, None here
            theirs = [g for g in found[name][1] if g.abs().sum() > 0] if head else found[name][1]
            assert len(theirs) == len(expected)
            for mine, joined in zip(theirs, expected, strict=True):
                torch.testing.assert_close(mine, joined, rtol=0, atol=1e-9)
                assert joined.abs().max() > 1e-4


def student_net(batch_size, **rest):
    kind = type("Net", (NeuralNetClassifier,), {})
    settings = {"criterion": nn.CrossEntropyLoss, "lr": 0.5, "max_epochs": 3, "train_split": None, "verbose": 0}
    return kind, {"module": networks()[1], "batch_size": batch_size, **settings, **rest}


def trained_by_accelerate(rank):
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from skorch.hf import AccelerateMixin

    accelerator = Accelerator(cpu=True)
    assert accelerator.num_processes == 2

    class Accelerated(AccelerateMixin, NeuralNetClassifier):
        pass

    _, settings = student_net(8)
    student = Accelerated(**settings, accelerator=Shared(accelerator))
    taught = accelerate_method().transfer([networks()[0]], student, joined_data(), seed=0)
    assert type(taught) is Accelerated
    _, settings = image_net(8)
    from_images = Accelerated(**settings, accelerator=Shared(accelerator))
    seen = PKT([("2", "2")]).transfer([image_teacher()], from_images, image_data(), seed=0)
    with pytest.raises(InvalidInputError, match="2 processes run and ImageBatches doesn't know which"):
        seen.predict(image_data().X)
    states = taught.module_.state_dict(), seen.module_.state_dict()
    accelerator.free_memory()
    AcceleratorState._reset_state(reset_partial_state=True)
    return states


def images(n=37):
    generator = torch.Generator().manual_seed(2)
    return torch.randint(256, (n, 1, 5, 5), generator=generator, dtype=torch.uint8), torch.arange(n) % 3


def image_data():
    x, y = images()
    return TransferSet.for_classification(x.numpy(), y.numpy())


def image_network(width):
    return nn.Sequential(nn.Flatten(), nn.Linear(25, width), nn.ReLU(), nn.Linear(width, 3))


def image_teacher():
    torch.manual_seed(4)
    return image_network(9)


def image_net(batch_size):
    """The last batch of 37 rows is one of 5: 3 for the first process and 2 for the second."""
    torch.manual_seed(5)
    batches = {"iterator_train__shuffle": True, "iterator_train__padding": 1, "iterator_train__flip": True}
    iterators = {"iterator_train": ImageBatches, "iterator_valid": ImageBatches}
    kind, settings = student_net(batch_size, lr=50.0, **batches, **iterators)
    return kind, {**settings, "module": image_network(4)}


class Shared:
    """An accelerator that `clone` hands on as it is."""

    def __init__(self, accelerator):
        self._accelerator = accelerator

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.__dict__["_accelerator"], name)

    def __deepcopy__(self, memo):
        return self


def accelerate_method():
    return WeightedSum([(1.0, InformationFlow(PAIRS)), (1.0, KD())])


def joined_data():
    x, y = rows(32)
    return TransferSet.for_classification(x.numpy(), y.numpy())


def test_accelerate_trains_two_processes_as_one(tmp_path):
    pytest.importorskip("accelerate")
    results = in_two_processes(trained_by_accelerate, tmp_path)
    kind, settings = student_net(16)
    before = copy.deepcopy(settings["module"].state_dict())
    expected = accelerate_method().transfer([networks()[0]], kind(**settings), joined_data(), seed=0)
    kind, settings = image_net(16)
    untrained = copy.deepcopy(settings["module"].state_dict())
    seen = PKT([("2", "2")]).transfer([image_teacher()], kind(**settings), image_data(), seed=0)
    for found, found_seen in results:
        for name, values in expected.module_.state_dict().items():
            torch.testing.assert_close(found[name], values, rtol=0, atol=1e-6)
            assert not np.allclose(values, before[name])
        for name, values in seen.module_.state_dict().items():
            torch.testing.assert_close(found_seen[name], values, rtol=0, atol=1e-5)
            assert np.allclose(values, untrained[name]) is name.startswith("3")  # a head without a loss
