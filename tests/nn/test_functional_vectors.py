"""The losses on the numbers of the method specification (float64, made independently of this code)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from stepdown.nn import CriticalPeriod, Phases, functional as losses

VECTORS = Path(__file__).parents[1] / "vectors"


def cases(group):
    ((_, found),) = json.loads((VECTORS / f"{group}.json").read_text()).items()
    return {case["name"]: case for case in found}


def pairs(group):
    return [pytest.param(case, id=name) for name, case in cases(group).items() if "student" in case["inputs"]]


def tensor(values, *, grad=False):
    return torch.tensor(values, dtype=torch.float64, requires_grad=grad)


def sides(case):
    return tensor(case["inputs"]["student"], grad=True), tensor(case["inputs"]["teacher"])


def assert_close(actual, expected, case):
    actual = actual.detach().numpy() if isinstance(actual, torch.Tensor) else np.asarray(actual)
    np.testing.assert_allclose(actual, np.asarray(expected), rtol=0, atol=case["tol"])


@pytest.mark.parametrize("case", pairs("D1"))
def test_pkt(case):
    (student, teacher), expected = sides(case), case["expected"]
    assert_close(losses.pkt(student, teacher), expected["code_mean_with_diag"], case)
    assert_close(losses.pkt(student, teacher, reduction="sum"), expected["code_sum"], case)
    assert_close(
        losses.pkt(student, teacher, reduction="sum", diagonal=False, eps=0.0), expected["paper_sum_no_diag"], case
    )
    for features, name in ((teacher, "teacher_cond"), (student, "student_cond")):
        probabilities = losses.conditional_probabilities(losses.cosine_kernel(features, eps=case["inputs"]["eps"]))
        assert_close(probabilities, expected[name], case)
    without = losses.conditional_probabilities(losses.cosine_kernel(teacher, eps=0.0), diagonal=False)
    paper = np.array(expected["paper_teacher_cond"])
    assert_close(without, paper[~np.eye(len(paper), dtype=bool)].reshape(len(paper), -1), case)


@pytest.mark.parametrize("case", [case for case in pairs("D2") if case.id.startswith(("combined", "batch"))])
def test_information_flow(case):
    (student, teacher), expected = sides(case), case["expected"]
    loss = losses.information_flow(student, teacher)
    loss.backward()
    assert_close(loss, expected["code"]["total"], case)
    for kernel, name in ((losses.cosine_kernel, "cos"), (losses.student_t_kernel, "t")):
        assert_close(losses.relational(student, teacher, kernel), expected["code"][name], case)
    if "code_grad_student" in expected:
        assert_close(student.grad, expected["code_grad_student"], case)
        paper = losses.information_flow(student, teacher, reduction="sum", diagonal=False, eps=0.0)
        assert_close(paper, expected["paper"]["total"], case)
    else:
        assert_close(
            losses.information_flow(student, teacher, reduction="sum"), expected["code_sum_over_pairs"]["total"], case
        )


def test_information_flow_falls_with_the_batch_as_a_mean_and_not_as_rows():
    case = cases("D2")["batch_size_dependence"]
    student, teacher = sides(case)
    half, whole = losses.information_flow(student[:4], teacher[:4]), losses.information_flow(student, teacher)
    assert_close(half / whole, case["expected"]["ratio_code_mean_N4_over_N8"], case)
    rows = [losses.information_flow(student[:n], teacher[:n], reduction="row") for n in (4, 8)]
    assert_close(rows[0] / rows[1], 1.0, case)


def test_information_flow_has_finite_gradients_at_a_dead_row():
    case = cases("D2")["all_zero_student_row"]
    student, teacher = sides(case)
    loss = losses.information_flow(student, teacher)
    loss.backward()
    assert_close(loss, case["expected"]["loss"], case)
    assert_close(student.grad, case["expected"]["safe_grad"], case)


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in cases("D3").items()])
def test_qmi(case):
    features, expected = tensor(case["inputs"]["X"]), case["expected"]["unnormalised"]
    sigma = case["inputs"].get("sigma")
    kernel = losses.cosine_kernel(features, eps=0.0) if sigma is None else losses.gaussian_kernel(features, sigma=sigma)
    found = losses.qmi(kernel, torch.tensor(case["inputs"]["y"]))
    assert_close(found, [expected[name] for name in ("V_in", "V_all", "V_btw", "qmi")], case)


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in cases("D4").items()])
def test_flow_match(case):
    found = losses.flow_match(case["inputs"]["omega_student"], case["inputs"]["omega_teacher"])
    assert list(found.layers) == case["expected"]["kappa_0based"]
    assert_close(found.divergence, case["expected"]["divergence"], case)


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in cases("D5").items()])
def test_critical_period(case):
    inputs, expected = case["inputs"], case["expected"]
    schedule = CriticalPeriod(initial=inputs["alpha_init"], decay=inputs["gamma"])
    table = schedule.table(inputs["epochs"], 3)
    assert_close(table[:, 0], expected["alpha"], case)
    assert_close(table[:, 1], expected["alpha"], case)
    assert set(table[:, 2]) == {expected["last_layer_weight"]}
    for limit, name in ((1.0, "first_epoch_below_1"), (0.01, "first_epoch_below_0_01")):
        if name in expected:
            assert np.argmax(schedule.table(99, 2)[:, 0] < limit) == expected[name]


@pytest.mark.parametrize("case", pairs("D6"))
def test_hint(case):
    (student, teacher), expected = sides(case), case["expected"]
    prediction = student @ tensor(case["inputs"]["W"]) + tensor(case["inputs"]["b"])
    assert_close(losses.hint(prediction, teacher), expected["mean_over_elements"], case)
    assert_close(losses.hint(prediction, teacher, reduction="row"), expected["sum_over_dims_mean_over_rows"], case)
    assert_close(0.5 * losses.hint(prediction, teacher, reduction="row"), expected["half_sum_mean"], case)


@pytest.mark.parametrize("case", pairs("D7"))
def test_mds(case):
    student, teacher = sides(case)
    assert_close(losses.mds(student, teacher, eps=0.0), case["expected"]["mean_sq_pair"], case)
    assert_close(losses.mds(student, teacher, power=1, eps=0.0), case["expected"]["mean_abs_pair"], case)


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in cases("D8").items()])
def test_at(case):
    student, teacher = tensor(case["inputs"]["student_map"]), tensor(case["inputs"]["teacher_map"])
    power, expected = case["inputs"]["p"], case["expected"]
    assert_close(losses.at(student, teacher, power=power), expected["code_mean_sq"], case)
    if "q_student" in expected:
        assert_close(losses.at(student, teacher, reduction="row"), expected["paper_l2_norm_mean_over_rows"], case)
        assert_close(losses.attention_map(student, power=power), expected["q_student"], case)
        assert_close(losses.attention_map(teacher, power=power), expected["q_teacher"], case)


@pytest.mark.parametrize("case", pairs("D9"))
def test_sp(case):
    order = 1.0 if "l1" in case["name"] else 2.0
    assert_close(losses.sp(*sides(case), order=order), case["expected"]["loss"], case)


@pytest.mark.parametrize("case", pairs("D10"))
def test_rkd(case):
    (student, teacher), expected = sides(case), case["expected"]

    def rkd(distance_weight, angle_weight, **rest):
        return losses.rkd(student, teacher, distance_weight=distance_weight, angle_weight=angle_weight, **rest)

    assert_close(rkd(1, 0), expected["code_distance"], case)
    assert_close(rkd(0, 1), expected["code_angle"], case)
    assert_close(rkd(25, 50), expected["code_total_25_50"], {"tol": 50 * case["tol"]})
    assert_close(rkd(1, 0, diagonal=False), expected["pairs_only_distance"], case)
    assert_close(rkd(0, 1, diagonal=False), expected["distinct_triplets_angle"], case)


def test_vid():
    case = cases("D11")["per_channel_variance"]
    inputs = case["inputs"]
    loss = losses.vid(
        tensor(inputs["pred_mean"]), tensor(inputs["teacher"]), tensor(inputs["log_scale"]), eps=inputs["eps"]
    )
    assert_close(loss, case["expected"]["loss_mean"], case)
    assert_close(losses.vid_initial_scale(5.0, eps=inputs["eps"]), case["expected"]["init_log_scale_for_var5"], case)

    case = cases("D11")["initial_variance_5_b"]
    inputs = case["inputs"]
    scale = torch.full((2,), losses.vid_initial_scale(inputs["var"]), dtype=torch.float64)
    assert_close(
        losses.vid(tensor(inputs["pred_mean"]), tensor(inputs["teacher"]), scale), case["expected"]["loss_mean"], case
    )


@pytest.mark.parametrize("name", ["first_batch", "later_batch_with_fixed_Z"])
def test_crd(name):
    case = cases("D12")[name]
    given, expected = case["inputs"], case["expected"]
    known = (given["Z_v1"], given["Z_v2"]) if "Z_v1" in given else None
    found = losses.crd(
        tensor(given["v_student"]),
        tensor(given["v_teacher"]),
        torch.tensor(given["contrast_idx"]),
        tensor(given["memory_v1"]),
        tensor(given["memory_v2"]),
        temperature=given["T"],
        momentum=given["momentum"],
        normalisers=known,
    )
    assert_close(found.loss, expected["total"], case)
    assert_close(found.parts[0], expected["loss_student"], case)
    assert_close(found.parts[1], expected["loss_teacher"], case)
    assert_close(found.normalisers, (expected["Z_v1"], expected["Z_v2"]), case)
    assert_close(found.student_rows, expected["memory_v1_rows"], case)
    assert_close(found.teacher_rows, expected["memory_v2_rows"], case)


@pytest.mark.parametrize("name", ["l1_filter_pruning", "quarter_of_four"])
def test_strongest_filters(name):
    case = cases("E1")[name]
    kept = losses.strongest_filters(tensor(case["inputs"]["filters"]), case["inputs"]["proportion"])
    assert kept.tolist() == case["expected"]["kept"]


def test_curriculum_of_indistill():
    case = cases("E1")["curriculum(a=2)"]
    table = Phases(case["expected"]["lengths"]).table(case["inputs"]["epochs"], 4)
    assert table.argmax(1).tolist() == case["expected"]["layer_of_epoch"]
    assert (table.sum(1) == 1).all()


def logits(case):
    inputs = case["inputs"]
    return tensor(inputs["student_logits"], grad=True), tensor(inputs["teacher_logits"])


@pytest.mark.parametrize("name", ["T=4.0,lambda=0.9", "T=1.0,lambda=0.5"])
def test_kd(name):
    case = cases("A1")[name]
    (student, teacher), inputs, expected = logits(case), case["inputs"], case["expected"]
    target = torch.tensor(inputs["y"])
    loss = losses.kd(student, teacher, target, temperature=inputs["T"], weight=inputs["lam"])
    loss.backward()
    assert_close(loss, expected["total"], case)
    assert_close(student.grad, expected["grad_student_logits"], case)
    assert_close(
        losses.kd(student, teacher, temperature=inputs["T"]) / inputs["T"] ** 2, expected["kl_batchmean"], case
    )
    assert_close(losses.kd(student, teacher, target, temperature=inputs["T"], weight=0.0), expected["ce"], case)


def test_kd_divided_by_the_classes_too():
    case = cases("A1")["elementwise_mean_variant(TAKD/DGKD code)"]
    loss = losses.kd(*logits(case), torch.tensor(case["inputs"]["y"]), reduction="mean")
    assert_close(loss, case["expected"]["total"], case)


def test_kd_tends_to_matching_centred_logits():
    case = cases("A1")["high_T_limit_of_grad(T^2*KL)"]
    student, teacher = logits(case)
    losses.kd(student, teacher, temperature=case["inputs"]["T"]).backward()
    assert_close(student.grad, case["expected"]["grad_exact"], case)


def test_logit():
    case = cases("A2")["squared_logit_loss"]
    student, teacher = logits(case)
    loss = losses.logit(student, teacher)
    loss.backward()
    assert_close(loss, case["expected"]["loss"], case)
    assert_close(student.grad, case["expected"]["grad_student_logits"], case)
