"""Independent bits, most significant first."""

import torch

import likelihoods

SHAPE = (3, 2, 2)


def test_log_prob_is_that_of_the_bits() -> None:
    torch.manual_seed(0)
    outputs = torch.randn(4, 8 * 3, 2, 2)
    levels = torch.randint(256, (4, *SHAPE))
    p = outputs.view(4, 8, *SHAPE).sigmoid()
    expected = torch.zeros(4)
    for i in range(8):
        bit = levels // 2 ** (7 - i) % 2
        expected += torch.where(bit == 1, p[:, i], 1 - p[:, i]).log().flatten(1).sum(1)
    found = likelihoods.create("bitwise_categorical", SHAPE)(outputs).log_prob(levels / 255)
    torch.testing.assert_close(found, expected)


def test_first_bit_is_the_most_significant() -> None:
    outputs = torch.full((1, 8, 1, 1), -50.0)
    outputs[0, 0] = 50
    distribution = likelihoods.create("bitwise_categorical", (1, 1, 1))(outputs)
    assert (distribution.mean * 255).round().item() == 128
    assert (distribution.sample() * 255).round().item() == 128
