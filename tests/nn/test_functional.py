"""The losses against plain float64 oracles, and the identities each must have."""

from functools import partial
from itertools import permutations

import pytest
import torch

from stepdown.core import InvalidInputError
from stepdown.nn import functional as losses
from stepdown.nn.functional import _information


def plain_information_flow(student, teacher, *, reduction="mean", diagonal=True, eps=1e-6):
    """Entry by entry with loops, straight from the formulas."""
    n = len(student)
    total = student.new_zeros(())
    for cosine in (True, False):
        sides = []
        for features in (teacher, student):
            kernel = []
            for i in range(n):
                row = []
                for j in range(n):
                    a, b = features[i], features[j]
                    if cosine:
                        row.append((torch.dot(a, b) / ((a.norm() + eps) * (b.norm() + eps)) + 1) / 2)
                    else:
                        row.append(1 / (1 + (((a - b) ** 2).sum() + eps).sqrt()))
                kernel.append(row)
            counted = [[j for j in range(n) if diagonal or j != i] for i in range(n)]
            sides.append(
                [{j: kernel[i][j] / sum(kernel[i][k] for k in counted[i]) for j in counted[i]} for i in range(n)]
            )
        for mine, theirs in zip(sides[1], sides[0], strict=True):
            for j, q in mine.items():
                total = total + (theirs[j] - q) * (theirs[j].log() - q.log())
    entries = n * (n if diagonal else n - 1)
    return total / {"mean": entries, "row": n, "sum": 1}[reduction]


def features(n=6, width=4, **kind):
    return torch.randn(n, width, **({"dtype": torch.float64} | kind))


@pytest.mark.parametrize("reduction", ["mean", "row", "sum"])
@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("eps", [1e-6, 1e-2])
def test_information_flow_is_its_formula(reduction, diagonal, eps):
    student, teacher = features(width=3).requires_grad_(), features()
    settings = {"reduction": reduction, "diagonal": diagonal, "eps": eps}
    loss, oracle = (f(student, teacher, **settings) for f in (losses.information_flow, plain_information_flow))
    torch.testing.assert_close(loss, oracle)
    for ours, plain in zip(
        torch.autograd.grad(3 * loss, student), torch.autograd.grad(3 * oracle, student), strict=True
    ):
        torch.testing.assert_close(ours, plain)


@pytest.mark.parametrize("shape", [(300, 20), (130, 700)], ids=["several blocks of rows", "half of the Gram matrix"])
def test_information_flow_in_pieces_is_the_generic_loss(shape, monkeypatch):
    monkeypatch.setattr("stepdown.nn.functional._information.BLOCK_ELEMENTS", 10_000)
    student, teacher = features(*shape).relu().requires_grad_(), features(*shape).relu()
    loss = losses.information_flow(student, teacher)
    generic = losses.relational(student, teacher, losses.cosine_kernel) + losses.relational(
        student, teacher, losses.student_t_kernel
    )
    torch.testing.assert_close(loss, generic)
    torch.testing.assert_close(*(torch.autograd.grad(value, student)[0] for value in (loss, generic)))


LOSSES = {
    "kd": partial(losses.kd, target=torch.tensor([0, 1, 2, 0, 1])),
    "logit": losses.logit,
    "hint": losses.hint,
    "at": lambda student, teacher, **rest: losses.at(student[..., None], teacher[..., None].contiguous(), **rest),
    "pkt": losses.pkt,
    "sp": losses.sp,
    "mds": losses.mds,
    "rkd": losses.rkd,
    "information_flow": losses.information_flow,
}


@pytest.mark.parametrize("name", LOSSES)
def test_gradients(name):
    student, teacher = features(5, 4).requires_grad_(), features(5, 4)
    assert torch.autograd.gradcheck(lambda values: LOSSES[name](values, teacher), student)


def test_gradients_of_vid():
    inputs = (features(5, 3).requires_grad_(), torch.randn(3, dtype=torch.float64, requires_grad=True))
    teacher = features(5, 3)
    assert torch.autograd.gradcheck(lambda mean, scale: losses.vid(mean, teacher, scale), inputs)


@pytest.mark.parametrize("diagonal", [True, False])
def test_gradients_without_the_diagonal(diagonal):
    student, teacher = features(5, 4).requires_grad_(), features(5, 4)
    for loss in (losses.pkt, losses.rkd, losses.information_flow):
        assert torch.autograd.gradcheck(partial(loss, teacher=teacher, diagonal=diagonal), student)


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "kd"])
def test_nothing_to_learn_from_an_equal_teacher(name):
    same = features(5, 4)
    student = same.clone().requires_grad_()
    loss = LOSSES[name](student, same)
    loss.backward()
    assert abs(loss.item()) < 1e-12
    assert student.grad.abs().max() < 1e-6


@pytest.mark.parametrize("name", LOSSES)
def test_the_teacher_gets_no_gradient(name):
    student, teacher = features(5, 4).requires_grad_(), features(5, 4).requires_grad_()
    LOSSES[name](student, teacher).backward()
    assert teacher.grad is None
    assert student.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["pkt", "sp", "mds", "rkd", "information_flow"])
def test_relations_depend_on_no_order_and_no_rotation(name):
    student, teacher = features(5, 4), features(5, 4)
    expected = LOSSES[name](student, teacher)
    order = torch.randperm(5)
    rotation = torch.linalg.qr(features(4, 4)).Q
    torch.testing.assert_close(LOSSES[name](student[order], teacher[order]), expected)
    torch.testing.assert_close(LOSSES[name](student @ rotation, teacher), expected)
    assert not torch.isclose(LOSSES[name](student[order], teacher), expected)


@pytest.mark.parametrize("name", ["pkt", "sp", "rkd"])
def test_relations_depend_on_no_scale(name):
    student, teacher = features(5, 4), features(5, 4)
    torch.testing.assert_close(LOSSES[name](7 * student, teacher), LOSSES[name](student, teacher), rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", ["pkt", "sp", "mds", "rkd", "information_flow"])
@pytest.mark.parametrize("dead", [[2], [0, 1, 2, 3, 4]], ids=["one row", "all rows"])
def test_dead_rows_have_finite_values_and_gradients(name, dead):
    student, teacher = features(5, 4, dtype=torch.float32).relu(), features(5, 4, dtype=torch.float32)
    student[dead] = 0
    student.requires_grad_()
    loss = LOSSES[name](student, teacher)
    loss.backward()
    assert loss.isfinite()
    assert student.grad.isfinite().all()


def test_equal_rows_are_finite_without_eps():
    student = features(5, 3)
    student[1] = student[0]
    student.requires_grad_()
    teacher = features(5, 3)
    for diagonal in (True, False):
        kernels = [partial(kernel, eps=0.0) for kernel in (losses.cosine_kernel, losses.student_t_kernel)]
        generic = sum(losses.relational(student, teacher, kernel, diagonal=diagonal) for kernel in kernels)
        both = (losses.information_flow(student, teacher, diagonal=diagonal, eps=0.0), generic)
        gradients = [torch.autograd.grad(value, student)[0] for value in both]
        assert gradients[0].isfinite().all()
        torch.testing.assert_close(*gradients)


def test_angles_of_distinct_rows_when_two_rows_are_equal():
    student, teacher = features(5, 3), features(5, 3)
    student[1] = student[0]

    def angle(values, i, j, k):
        first, second = values[j] - values[i], values[k] - values[i]
        return first @ second / (first.norm() * second.norm()).clamp(min=1e-12)

    triplets = list(permutations(range(5), 3))
    differences = torch.stack([angle(student, *triplet) - angle(teacher, *triplet) for triplet in triplets])
    expected = torch.nn.functional.huber_loss(differences, torch.zeros_like(differences))
    found = losses.rkd(student, teacher, distance_weight=0.0, angle_weight=1.0, diagonal=False)
    torch.testing.assert_close(found, expected)


def test_opposite_rows_are_finite():
    row = torch.tensor([[300.0, 400.0, 100.0]])
    student = torch.cat([row, -row, 2 * row]).requires_grad_()
    for loss in (losses.information_flow, losses.pkt):
        value = loss(student, features(3, 3, dtype=torch.float32), eps=0.0)
        (gradient,) = torch.autograd.grad(value, student)
        assert value.isfinite()
        assert gradient.isfinite().all()


@pytest.mark.parametrize("width", [64, 1800])
def test_float32_gradient_of_information_flow_is_float64s(width):
    """On features as a network makes them: positive, sparse, with near neighbours."""
    centres = torch.randn(10, width, dtype=torch.float64)
    student, teacher = (
        (centres[torch.arange(128) % 10] + 0.5 * torch.randn(128, width, dtype=torch.float64)).relu() for _ in range(2)
    )
    gradients = []
    for kind in (torch.float32, torch.float64):
        values = student.to(kind).requires_grad_()
        losses.information_flow(values, teacher.to(kind)).backward()
        gradients.append(values.grad.double())
    assert (gradients[0] - gradients[1]).norm() < 1e-5 * gradients[1].norm()


@pytest.mark.parametrize("columns", [slice(5, 6), slice(None)], ids=["one column", "all columns"])
@pytest.mark.parametrize(
    "loss",
    [
        *(losses.information_flow, partial(losses.information_flow, diagonal=False), losses.rkd, losses.mds),
        *(losses.pkt, partial(losses.pkt, diagonal=False), losses.sp),
        *(partial(losses.relational, kernel=getattr(losses, name)) for name in losses.__all__ if "_kernel" in name),
    ],
)
@pytest.mark.parametrize("offset", [0, 10, 1500])
def test_float32_keeps_its_digits_under_a_common_offset(loss, columns, offset):
    student, teacher = (features(64, 96, dtype=torch.float32) for _ in range(2))
    student[:, columns] += offset
    teacher[:, columns] += offset
    values, gradients = [], []
    for kind in (torch.float32, torch.float64):
        given = student.to(kind).requires_grad_()
        values.append(loss(given, teacher.to(kind)))
        assert values[-1].dtype == kind
        gradients.append(torch.autograd.grad(values[-1], given)[0].double())
    assert values[0].item() == pytest.approx(values[1].item(), rel=1e-4)
    assert (gradients[0] - gradients[1]).norm() < 1e-4 * gradients[1].norm()


def test_information_flow_with_an_offset_is_the_generic_loss():
    student, teacher = (features(40, 8) + 20).requires_grad_(), features(40, 8) + 20
    loss = losses.information_flow(student, teacher)
    kernels = losses.cosine_kernel, losses.student_t_kernel
    generic = sum(losses.relational(student, teacher, kernel) for kernel in kernels)
    torch.testing.assert_close(loss, generic)
    torch.testing.assert_close(*(torch.autograd.grad(value, student)[0] for value in (loss, generic)))


@pytest.mark.parametrize("diagonal", [True, False])
def test_layers_together_are_as_one_by_one(diagonal, monkeypatch):
    monkeypatch.setattr(_information, "BLOCK_ELEMENTS", 3 * 8)  # in pieces
    students, teachers = [features(8, width) for width in (3, 700, 5)], [features(8, width) for width in (9, 2, 4)]
    students[1] = students[1] + 1e3  # an offset that is taken off
    students = [layer.requires_grad_(number < 2) for number, layer in enumerate(students)]
    weights = torch.tensor([2.0, 0.5, 1.0], dtype=torch.float64)
    together = _information.information_flows(students, teachers, diagonal=diagonal)
    alone = [losses.information_flow(*both, diagonal=diagonal) for both in zip(students, teachers, strict=True)]
    torch.testing.assert_close(together, torch.stack(alone), rtol=1e-12, atol=0)
    both = [torch.autograd.grad((weights * found).sum(), students[:2]) for found in (together, torch.stack(alone))]
    torch.testing.assert_close(*both, rtol=1e-9, atol=1e-12)
    assert together.dtype == torch.float64
    mixed = _information.information_flows([students[0].float(), students[2]], teachers[:2])
    assert mixed.dtype == torch.float64


def test_information_flow_takes_relations_made_ahead():
    student, teacher = features(), features(width=9)
    known = losses.relations(teacher)
    assert losses.information_flow(student, known) == losses.information_flow(student, teacher)
    torch.testing.assert_close(known.probabilities.sum(-1), torch.ones(2, 6, dtype=torch.float64))
    with pytest.raises(InvalidInputError, match=r"diagonal=True.*diagonal=False"):
        losses.information_flow(student, known, diagonal=False)


def test_losses_keep_full_precision_inside_autocast():
    student, teacher = features(8, 5, dtype=torch.float32), features(8, 5, dtype=torch.float32)
    for name in ("information_flow", "pkt", "sp", "rkd", "mds"):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inside = LOSSES[name](student, teacher)
        assert inside.dtype == torch.float32
        assert inside == LOSSES[name](student, teacher)


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "at"])
def test_both_sides_may_be_named(name):
    student, teacher = features(5, 4), features(5, 4)
    first = "prediction" if name == "hint" else "student"
    assert LOSSES[name](**{first: student}, teacher=teacher) == LOSSES[name](student, teacher)


def test_half_precision_features_are_raised():
    student = features(8, 5, dtype=torch.float32).bfloat16().requires_grad_()
    loss = losses.information_flow(student, features(8, 6, dtype=torch.float32))
    loss.backward()
    assert loss.dtype == torch.float32
    assert student.grad.dtype == torch.bfloat16


@pytest.mark.parametrize("name", ["pkt", "sp", "mds", "rkd", "information_flow"])
def test_a_single_row_has_no_relations(name):
    with pytest.raises(InvalidInputError, match=r"1 row\(s\).*drop_last=True"):
        LOSSES[name](features(1, 4), features(1, 4))


def test_shapes_that_do_not_fit():
    with pytest.raises(InvalidInputError, match="same batch"):
        losses.information_flow(features(4), features(5))
    with pytest.raises(InvalidInputError, match="same batch"):
        losses.pkt(features(4), features(5))
    with pytest.raises(InvalidInputError, match="InformationFlow compare relations"):
        losses.hint(features(4, 3), features(4, 2))
    with pytest.raises(InvalidInputError, match="no map of attention"):
        losses.at(features(), features())
    with pytest.raises(InvalidInputError, match="logits of shape"):
        losses.kd(features(4, 3), features(4, 2))
    with pytest.raises(InvalidInputError, match="expected 'mean', 'row' or 'sum'"):
        losses.information_flow(features(), features(), reduction="batchmean")
    with pytest.raises(InvalidInputError, match="expected 'mean', 'row' or 'sum'"):
        losses.pkt(features(), features(), reduction="batchmean")
    with pytest.raises(InvalidInputError, match="log_scale"):
        losses.vid(features(4, 3), features(4, 3), torch.zeros(2))
    with pytest.raises(InvalidInputError, match="some must stay"):
        losses.strongest_filters(features(4, 3), 1.0)


def test_information_of_labels_that_are_written_on_the_rows():
    labels = torch.arange(12) % 3
    informative = torch.nn.functional.one_hot(labels).double()
    flows = losses.flow_vector([features(12, 5), informative], labels)
    assert 0 <= flows[0] < flows[1]
    profile = losses.relational_profile([features(12, 5), 2 * informative, informative])
    assert profile[0] < profile[1] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "kernel",
    [
        losses.cosine_kernel,
        losses.student_t_kernel,
        losses.gaussian_kernel,
        losses.rbf_kernel,
        losses.adaptive_rbf_kernel,
        losses.cauchy_kernel,
    ],
)
def test_kernels_are_similarities(kernel):
    values = kernel(features(5, 3))
    assert values.shape == (5, 5)
    torch.testing.assert_close(values, values.T)
    assert (values > 0).all()
    assert (values <= 1 + 1e-12).all()
    assert (values.diagonal()[:, None] >= values).all()
    assert losses.relational(features(5, 2), features(5, 3), kernel) > 0
