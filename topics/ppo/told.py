"""What the page's text says of recorded runs: the least and the most over their seeds."""

from topics.ppo.recorded import CONTROL, EPOCHS


def ends(runs, at):
    """The least and the most of the numbers that stand at one place of each run."""
    found = [run[at] for run in runs]
    return min(found), max(found)


def held(kind, eta):
    """Steps held at last by an agent."""
    return ends(CONTROL[eta][kind], 0)


def lowest(kind, eta):
    """Its lowest in the second half of a run."""
    return ends(CONTROL[eta][kind], 1)


def largest(kind, eta):
    """The largest KL of one update."""
    return ends(CONTROL[eta][kind], 2)


def drifted(way, eta, at):
    """KL on one batch of answers: at 0 after one epoch, at 1 after all; at 2 the share held, at 3 right answers."""
    return ends(EPOCHS[eta][way], at)
