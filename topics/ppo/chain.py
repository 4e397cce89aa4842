"""A walk on a line, small enough that the bias and the noise of a policy's gradient are computed and not sampled.

S places in a row   P (2, S, S) where left and right lead; what is missing of a row's 1 has left the line
wins (2, S) how often a step earns the reward of 1   π = ½ for both actions   V (S,) what a place is worth
g one step's share of the gradient by the logit of "right": (a − π)·Â, with a = 1 for right
"""

import numpy as np

SLIP = 0.3  # so often a step goes the other way


def walk(S):
    """P (2, S, S) and the chance (2, S) that a step earns the reward of 1, given for leaving to the right."""
    P, wins = np.zeros((2, S, S)), np.zeros((2, S))
    for s in range(S):
        for a, other in ((0, 1), (1, 0)):
            for way, p in ((a, 1 - SLIP), (other, SLIP)):
                to = s + (1 if way else -1)
                if 0 <= to < S:
                    P[a, s, to] += p
                elif to == S:
                    wins[a, s] += p
    return P, wins


def true_worth(P, wins, gamma):
    """V (S,) of each place when both actions are equally likely."""
    S = P.shape[1]
    return np.linalg.solve(np.eye(S) - gamma * P.mean(0), wins.mean(0))


def guessed(V, wrong):
    """A critic between the true one and one that says ½ everywhere: `wrong` is its share."""
    return (1 - wrong) * V + wrong * 0.5


def gae_moments(P, wins, V, gamma, lam):
    """The mean and the mean square of Â after each action at each place, (2, S) each: Â = δ + γλ·(Â of the next step),
    so both follow from linear equations.

    V (S,) the critic
    """
    S, c = P.shape[1], gamma * lam
    # where a step leads: to a place (reward 0), out to the right (reward 1) or out to the left (0)
    gone = 1 - P.sum(2) - wins  # (2, S) out to the left
    to = gamma * V - V[:, None]  # (S, S) δ of a step from row to column
    mean_delta = (P * to).sum(2) + wins * (1 - V) + gone * (0 - V)  # (2, S)
    square_delta = (P * to**2).sum(2) + wins * (1 - V) ** 2 + gone * V**2  # (2, S)
    after = np.linalg.solve(np.eye(S) - c * P.mean(0), mean_delta.mean(0))  # (S,) E[Â] from a place on
    mean = mean_delta + c * P @ after  # (2, S)
    fixed = square_delta + 2 * c * (P * to) @ after  # (2, S) what does not hold the next square
    square_after = np.linalg.solve(np.eye(S) - c**2 * P.mean(0), fixed.mean(0))  # (S,)
    return mean, fixed + c**2 * P @ square_after


def gradient_moments(P, wins, V, gamma, lam):
    """The mean and the standard deviation (S,) of one step's g."""
    mean, square = gae_moments(P, wins, V, gamma, lam)
    g = (mean[1] - mean[0]) / 4  # (S,): both actions with chance ½, each times ±½
    return g, np.sqrt(np.maximum((square[0] + square[1]) / 8 - g * g, 0))


def errors(S, gamma, lam, wrong, n):
    """Bias, noise of a mean of n steps, and both together, relative to the true gradient: root mean squares over the
    places."""
    P, wins = walk(S)
    V = true_worth(P, wins, gamma)
    true, _ = gradient_moments(P, wins, V, gamma, 1.0)
    g, spread = gradient_moments(P, wins, guessed(V, wrong), gamma, lam)
    size = np.sqrt((true**2).mean())
    bias, noise = np.sqrt(((g - true) ** 2).mean()) / size, np.sqrt((spread**2 / n).mean()) / size
    return bias, noise, float(np.hypot(bias, noise))
