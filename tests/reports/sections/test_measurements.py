"""The sections on the tighter bound and on the code."""

from __future__ import annotations

from typing import Any

import numpy as np

from reports import Row
from reports.sections import Subject
from reports.sections.measurements import iwae, latents
from tests.reports.typed import cells, content, run

ROWS = (Row("wide", "Wide"), Row("fit", "Fit"))
BOUND: dict[str, Any] = {"importance_samples": 10, "importance_images": 32, "iwae_elbo_nats": 11.0}
CODE: dict[str, Any] = {
    "kl_nats": 20.0,
    "mse": 0.0123,
    "information_nats": 5.0,
    "marginal_kl_nats": 15.0,
    "information_cap_nats": np.log(2000),
    "active_units": 7,
    "latent_units": 20,
}


def test_both_bounds_stand_side_by_side() -> None:
    runs = [
        run("wide", **BOUND, iwae_nats=9.0, iwae_elbo_bits_per_dim=2.5, iwae_bits_per_dim=2.25),
        run("fit", **BOUND, iwae_nats=10.0, iwae_elbo_bits_per_dim=2.0, iwae_bits_per_dim=1.75),
    ]
    text = iwae(Subject(content(runs, rows=ROWS)))
    assert "K = 10, on 32 test images." in text
    assert cells(text, "Wide") == {
        "decoder": "Wide",
        "ELBO bits/dim ↓": "2.500",
        "IWAE bits/dim ↓": "2.250",
        "ELBO NLL (nats/image) ↓": "11.0",
        "IWAE NLL (nats/image) ↓": "**9.0**",
    }


def test_a_bound_that_was_not_measured_is_said() -> None:
    assert "bound was not measured" in iwae(Subject(content()))


def test_what_a_code_is_worth() -> None:
    runs = [
        run("wide", **CODE, probe_accuracy=0.75, probe_images=1000),
        run("fit", **CODE | {"information_nats": 7.5}, probe_accuracy=0.5, probe_images=1000),
    ]
    text = latents(Subject(content(runs, rows=ROWS)))
    assert cells(text, "Wide") == {
        "decoder": "Wide",
        "KL (nats/image)": "20.00",
        "MSE": "0.01230",
        "I_e(x;z) (nats)": "5.00",
        "KL(m‖p) (nats)": "15.00",
        "active units": "7 of 20",
        "probe accuracy ↑": "**0.750**",
    }
    assert cells(text, "Fit")["I_e(x;z) (nats)"] == "7.50 (near cap)"
    assert "The cap ln N is 7.6 nats." in text
    assert "fitted on 1000 training images" in text


def test_codes_without_a_posterior_or_labels_say_so() -> None:
    runs = [
        run(
            "wide",
            kl_nats=20.0,
            mse=0.01,
            information_absent="the code of hvae is not one factorised Gaussian",
            probe_absent="the data have no labels",
        )
    ]
    text = latents(Subject(content(runs, rows=ROWS)))
    assert "KL(m‖p) were not measured: the code of hvae" in text
    assert "The probe was not measured: the data have no labels." in text
    assert cells(text, "Fit")["KL (nats/image)"] == "not run"
