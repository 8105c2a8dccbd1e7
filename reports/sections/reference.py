"""The back of the report: definitions, published numbers, files."""

from __future__ import annotations

from reports.content import PAPER
from reports.markup import bullets, paragraphs
from reports.published import audit
from reports.sections.section import Section, Subject
from reports.uncertainty import FEWEST, LEVEL

DEFINITIONS = {
    "NLL (nats/image)": "negative ELBO, −E_q[ln p(x|z)] + KL(q(z|x)‖p(z)), summed over the values "
    "of an image and averaged over the test images: an upper bound on −ln p(x). It is a *density* "
    "of pixel values in [0, 1] (may be negative) or a *mass* of 8-bit grey levels (never "
    "negative). *Unnormalised*: the decoder's own function is no probability, so it has none.",
    "frame": "an image of a video. A video model is given the first frames and predicts the rest; "
    "its NLL, KL and MSE are means over the predicted frames, each predicted from the true frames "
    "before it.",
    "bits/dim": "the same bound with the log probability of the 8-bit image, in bits for each of "
    "its values (height × width × channels). For a density it is the mass in the bin of width "
    "1/255 around each level, end bins open. Every decoder can be compared in it; uniform grey "
    "levels have 8.",
    "FID, FD-…": "Frechet distance, the squared 2-Wasserstein distance of two Gaussians fitted to "
    "features of generated and of test images; no unit. Only with the Inception network is it "
    "called FID. Values compare only under one protocol.",
    "KID, KD-…": "kernel distance, a squared maximum mean discrepancy of features of generated and "
    "of test images, of a cubic kernel; no unit. Its estimate is unbiased, so it may be negative. "
    "Only with the Inception network is it called KID. Its *standard error* is that of one run.",
    "precision, recall": "the share of generated images inside the ball of some test image "
    "(fidelity), and of test images inside the ball of some generated one (diversity). The ball of "
    "an image reaches its third nearest of its own kind, in the features.",
    "density, coverage": "the mean number of balls of test images around a generated one, over k = "
    "5 (fidelity; may exceed 1), and the share of test images with a generated one in their ball "
    "(diversity). These balls reach the fifth nearest test image.",
    "measure": "what the NLL is of: density, mass or unnormalised.",
    "variance σ², sigma": "the variance of the decoder where one is shared by all pixels, in "
    "squared units of x in [0, 1]; σ is its square root. A grey level is σ = 1/255 ≈ 0.004.",
    "β": "the weight of the KL in the loss of the β-VAE. Dividing the loss by β shows a Gaussian "
    "decoder with σ² = β, so its NLL is reported with that variance and a KL weight of 1.",
    "KL (nats)": "KL(q(z|x)‖p(z)), summed over latent dimensions, averaged over test images: the "
    "rate, the sum of I_e(x;z) and KL(m‖p) where all three are taken on the same images.",
    "I_e(x;z) (nats)": "mutual information of image and code under the encoder, estimated over N "
    "images; the estimate cannot exceed ln N.",
    "KL(m‖p) (nats)": "divergence of the aggregate posterior m(z) = E_x q(z|x) from the prior: "
    "what a sample from the prior misses.",
    "MSE": "squared error of the reconstruction, mean over the values of an image, x in [0, 1].",
    "calibration error": "mean distance |F(p) − p| of the distribution F of u from the uniform "
    "one over p = 0.05, 0.10, ... 0.95; u is the cdf of a test value under p(x|z), z ~ q(z|x), "
    "at a random place within its own grey level. 0 to 0.5.",
    "in c % interval": "how many percent of the test values have u within the central c percent; "
    "a calibrated decoder has c.",
    "SSIM, PSNR (best of n)": "similarity of predicted with true frames (Wang et al. 2004; "
    "decibels of the squared error), mean over frames, of the most similar of n predictions of a "
    "test video; higher is better.",
    "±": "sample standard deviation over seeds; without it, the value is one run.",
    "[low, high]": f"{LEVEL:.0%} bootstrap interval of a mean over seeds, of differences paired by "
    f"seed where two decoders are compared; there is none below {FEWEST} seeds or where all values "
    "are the same.",
    "P": "probability of improvement: the share of pairs of runs in which one decoder is better "
    "than the other, ties counting half.",
    "diverged (k/n)": "the loss of k of n runs became infinite or not a number. *failed*: stopped "
    "by an error. *too large*: not tried, since memory is too small. *not run*: no such run is in "
    "the results. *not measured*: the run finished without this measurement.",
}


def reading(subject: Subject) -> Section:
    """Return the definition of every number."""
    link = subject.content.metrics_document
    more = f"Estimators and sources: [definition of every metric]({link})." if link else ""
    lines = bullets(f"**{name}**: {text}" for name, text in DEFINITIONS.items())
    return Section("How to read each number", paragraphs(lines, more))


def published(subject: Subject) -> Section:
    """Return where published numbers are shown, why not elsewhere, and their audit."""
    beside = [group for group in subject.groups if group.published(subject.content.budget)]
    if beside:
        shown = "Published numbers stand beside the columns on the paper's own data in Table B."
    elif subject.content.budget == PAPER:
        shown = "No column was run on the paper's own data, so no result stands beside them."
    else:
        shown = "This report was not made with the budget `paper`, so no result stands beside them."
    source = (
        "Source: Rybkin, Daniilidis, Levine, *Simple and Effective VAE Training with Calibrated "
        "Decoders*, ICML 2021."
    )
    return Section("Published numbers and their audit", paragraphs(f"{source} {shown}", audit()))


def files(subject: Subject) -> Section:
    """Return links to the data behind the report."""
    del subject
    return Section(
        "Data behind this report",
        "[results.csv](results.csv) holds every run, one a row, with every measurement and its "
        "unit in the name of the column. The figures are in the folder `figures`.",
    )
