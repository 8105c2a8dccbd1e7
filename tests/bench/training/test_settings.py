from __future__ import annotations

from bench.training import Training


def test_epochs_become_steps_without_the_incomplete_batch() -> None:
    assert Training(epochs=10, batch_size=128).total_steps(55000) == 10 * 429
    assert Training(epochs=2, batch_size=128).total_steps(100) == 2
    assert Training(steps=7).total_steps(100) == 7


def test_the_learning_rate_warms_up_linearly() -> None:
    training = Training(steps=7, learning_rate=0.5, warmup=0.5, kl_warmup=0.25)
    assert [training.kl_share(step, 8) for step in range(3)] == [0.5, 1.0, 1.0]
    assert [training.rate(step, 8) for step in range(6)] == [0.125, 0.25, 0.375, 0.5, 0.5, 0.5]
    assert Training(steps=7, learning_rate=0.5).rate(0, 8) == 0.5


def test_the_learning_rate_falls_linearly_to_zero_at_the_end() -> None:
    training = Training(steps=8, learning_rate=0.5, warmup=0.25, decay=0.5)
    rates = [0.25, 0.5, 0.5, 0.5, 0.5, 0.375, 0.25, 0.125]
    assert [training.rate(step, 8) for step in range(8)] == rates
