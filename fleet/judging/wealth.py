"""Evidence that may be looked at whenever one likes: the wealth of a gambler who bets that the new model does harm.

Without harm the wealth is a nonnegative supermartingale that begins at 1, so it ever reaches 1/alpha with probability
at most alpha: J. Ville, "Étude critique de la notion de collectif" (1939); G. Shafer, "Testing by betting" (JRSS A,
2021). A mean of such wealths over fixed bets is one again. All wealths here are natural logarithms.

Two games are played: on where canaries stand among control (`Ranks`), and on how many devices fail (`share_wealth`).
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from fleet.judging.ranks import Counts, Floats

LEVELS = np.array([0.0, 0.03, 0.1, 0.3])
"""Bets are on canaries standing among so large a share of the highest; 0: above all control."""
MEANS = np.array([0.4, 0.7, 0.95])
"""How often they do so, as the gambler has it."""
SHARES = np.array([0.05, 0.08, 0.12, 0.18, 0.25, 0.35, 0.5, 0.65, 0.8, 0.92, 0.99])
"""Shares of failures the gambler bets on; those at or below the allowed share are not bet on."""


class Ranks(Struct):
    """One game on ranks: how often canaries stood among the highest, and what each bet has won so far.

    Among m control devices, a canary that changes as they do stands among the t highest with probability
    (t + a) / (m + k), a being how many of the k - 1 before it stood there: the gaps between control devices are a
    Polya urn (the rule of succession for order statistics, B. M. Hill, JASA 1968). So the sequence has the
    beta-binomial law with Beta(t, m + 1 - t), whatever the distribution. The gambler plays Beta(t, b) with a smaller b;
    the ratio of the two laws is a martingale.

    Canaries whose changes are stochastically smaller stand there less often, and the ratio rises with how often they
    do, as the densities have a monotone ratio: so any harm within what is allowed wins at most as much.

    This holds where control's changes are the same for all canaries. Where they are measured anew for each, the law is
    binomial with t / (m + 1), and the ratio to it exceeds the one played by at most sqrt(1 + n / (m + 1)) * exp(0.11)
    (computed for m of 3 to 200 and n up to 600; a test repeats it). That much is taken off the wealth, so it is valid
    in both cases.
    """

    heard: int = 0
    above: list[int] = []
    """By level."""
    bets: list[float] = []
    """By level, then mean."""

    def play(self, standing: Counts, controls: int) -> float:
        """Bet on canaries in turn, each with so many of `controls` devices above it; the largest wealth meanwhile."""
        if not standing.size:
            return 0.0
        tops = np.maximum(1, np.rint(LEVELS * (controls + 1)))
        hits = standing[:, None] < tops[None, :]
        start = np.array(self.above or np.zeros(LEVELS.size))
        before = start + np.cumsum(hits, axis=0) - hits
        place = self.heard + np.arange(standing.size, dtype=np.float64)
        null = (tops + before) / (controls + 1 + place)[:, None]
        rest = np.minimum(np.multiply.outer(tops, (1 - MEANS) / MEANS), (controls + 1 - tops)[:, None])
        played = (tops + before)[:, :, None] / ((tops[:, None] + rest)[None] + place[:, None, None])
        won = np.where(hits[:, :, None], played / null[:, :, None], (1 - played) / (1 - null)[:, :, None])
        paths = np.array(self.bets or np.zeros(LEVELS.size * MEANS.size)) + np.cumsum(
            np.log(won).reshape(standing.size, -1), axis=0
        )
        self.heard += standing.size
        self.above, self.bets = (start + hits.sum(axis=0)).astype(int).tolist(), paths[-1].tolist()
        return float(np.max(_log_mean(paths) - taken_off(1.0 + place, controls)))


def taken_off(heard: Floats, controls: int) -> Floats:
    """What control measured anew may add to the logarithm of a wealth on ranks."""
    found: Floats = 0.5 * np.log1p(heard / (controls + 1)) + 0.11
    return found


def share_wealth(n: int, failed: int, allowed: float) -> float:
    """After `n` devices of which `failed` failed, where each may fail with at most the probability `allowed`.

    Each bet is the likelihood ratio of a larger share over `allowed` (A. Wald, "Sequential tests of statistical
    hypotheses", 1945); its mean is linear and rising in the true share and 1 at `allowed`, so at most 1 below.
    """
    return float(_log_mean(share_bets(n, failed, allowed)))


def share_bets(n: int, failed: int, allowed: float) -> Floats:
    """The logarithm of each bet of `share_wealth`; groups with different `allowed` are added up bet by bet."""
    floor = min(max(allowed, 1e-6), 1.0)
    bets = np.zeros(SHARES.size)
    live = floor * 1.1 < SHARES
    shares = SHARES[live]
    bets[live] = failed * np.log(shares / floor) + (n - failed) * np.log((1.0 - shares) / (1.0 - floor))
    return bets


def mean_wealth(bets: Floats) -> float:
    """One wealth from bets that shared the stake equally."""
    return float(_log_mean(np.asarray(bets, dtype=np.float64)))


def _log_mean(logs: Floats) -> Floats:
    """Logarithm of the mean over the last axis."""
    top = np.max(logs, axis=-1, keepdims=True)
    found: Floats = np.squeeze(top, -1) + np.log(np.mean(np.exp(logs - top), axis=-1))
    return found


def shown(log_wealth: float) -> float:
    """The wealth itself, as far as a float reaches."""
    return math.exp(min(log_wealth, 700.0))
