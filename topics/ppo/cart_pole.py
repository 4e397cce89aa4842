"""A cart that balances a pole, and three agents that learn it: nothing here draws.

Every agent acts in N carts at once for T steps, takes advantages from a critic that is taught in the same way, and then
moves its policy: by one step (REINFORCE), or by several epochs of steps, with the clip or without.

s states (n, 5): place, speed, the pole's angle, its speed, and a 1   θ a net's parameters, one vector   k its outputs
"""

from dataclasses import dataclass, field

import numpy as np

from topics.kit.model.autograd import Tensor, gradients
from topics.kit.model.optimizers import adamw_step
from topics.ppo.method import gae, policy_loss, ppo_loss, whitened

N, T, MINI = 16, 64, 256  # carts, steps of each in a batch, steps in a minibatch
GAMMA, LAMBDA = 0.99, 0.95
LIMIT = 200  # steps, then an episode is cut off
WIDTH = 32
AGENTS = ("REINFORCE", "no clip", "PPO")
WORTH = 50.0  # what the critic's 1 means, so that its outputs are small

# ---- the world


def begun(n, rng):
    """States (n, 5) to begin an episode from: nearly upright, nearly still."""
    return np.concatenate([rng.uniform(-0.05, 0.05, (n, 4)), np.ones((n, 1))], 1)


def moved(s, right):
    """All carts a fiftieth of a second later (Barto, Sutton and Anderson 1983; numbers as Gymnasium's CartPole-v1).

    s        (n, 5)
    right    (n,) bool: pushed to the right or else to the left, with 10 newtons
    returns  (n, 5)
    """
    _, v, angle, turn, _ = s.T  # (n,) each
    force, cos, sin = np.where(right, 10.0, -10.0), np.cos(angle), np.sin(angle)
    push = (force + 0.05 * turn**2 * sin) / 1.1
    turning = (9.8 * sin - cos * push) / (0.5 * (4 / 3 - 0.1 * cos**2 / 1.1))
    speeding = push - 0.05 * turning * cos / 1.1
    return s + 0.02 * np.stack([v, speeding, turn, turning, 0 * v], 1)  # (n, 5)


def fallen(s):
    """Which carts left the track, or let the pole lean by more than 12 degrees: (n,) bool."""
    return (np.abs(s[:, 0]) > 2.4) | (np.abs(s[:, 2]) > np.pi / 15)


# ---- nets, with their gradients by hand: without a graph they are four times as fast


def new_net(k, rng, last):
    """θ of a net from a state by WIDTH rectified units to k outputs, whose last weights are near `last` in all."""
    return np.concatenate([rng.normal(0, 0.5, 5 * WIDTH), rng.normal(0, last * WIDTH**-0.5, WIDTH * k), np.zeros(k)])


def parts(theta, k):
    """θ as its matrices (5, WIDTH) and (WIDTH, k) and its last vector (k,)."""
    return theta[: 5 * WIDTH].reshape(5, WIDTH), theta[5 * WIDTH : -k].reshape(WIDTH, k), theta[-k:]


def output(theta, s, k):
    """The net's outputs (n, k), and its hidden values (n, WIDTH)."""
    W1, W2, b = parts(theta, k)
    h = np.maximum(s @ W1, 0.0)  # (n, WIDTH)
    return h @ W2 + b, h


def gradient(theta, s, h, g):
    """By θ, from the gradient g (n, k) by the outputs."""
    W2 = parts(theta, g.shape[1])[1]
    back = (g @ W2.T) * (h > 0)  # (n, WIDTH)
    return np.concatenate([(s.T @ back).ravel(), (h.T @ g).ravel(), g.sum(0)])


def log_softmax(logits):
    """Log-probabilities of logits (n, 2)."""
    return logits - np.logaddexp(logits[:, :1], logits[:, 1:])


def chances(agent, s):
    """The policy's log-probabilities (n, 2) of left and right."""
    return log_softmax(output(agent.policy, s, 2)[0])


def worth(agent, s):
    """The critic's V (n,)."""
    return output(agent.critic, s, 1)[0][:, 0] * WORTH


# ---- an agent


@dataclass
class Agent:
    """One that acts and learns: its nets, its carts, and what became of it."""

    policy: np.ndarray
    critic: np.ndarray
    s: np.ndarray
    age: np.ndarray
    states: dict = field(default_factory=dict)  # of the optimiser
    lengths: list = field(default_factory=list)  # of all episodes that ended
    returns: list = field(default_factory=list)  # after each iteration, the mean of the last 20
    kls: list = field(default_factory=list)  # of each iteration's update, nats


def new_agent(seed):
    """The same start for all kinds of agent."""
    rng = np.random.default_rng(seed)
    return Agent(new_net(2, rng, 0.1), new_net(1, rng, 0.1), begun(N, rng), np.zeros(N, int))


def acted(agent, rng):
    """T steps of all carts: the states, what was done (True is right), the states that it led to, who fell, and whose
    episode ended, by a fall or by LIMIT: (T, N, 5) or (T, N) each."""
    seen = []
    for _ in range(T):
        s = agent.s
        right = rng.random(N) < np.exp(chances(agent, s)[:, 1])  # (N,)
        after = moved(s, right)
        agent.age += 1
        fell = fallen(after)
        over = fell | (agent.age >= LIMIT)
        seen.append((s, right, after, fell, over))
        agent.lengths += agent.age[over].tolist()
        agent.s, agent.age = np.where(over[:, None], begun(N, rng), after), np.where(over, 0, agent.age)
    return tuple(map(np.array, zip(*seen, strict=True)))


def iteration(agent, kind, rng, eta=3e-3, eps=0.2, epochs=10):
    """One batch of acting, then of learning. kind: one of AGENTS; eta: Adam's rate."""
    s, right, after, fell, over = acted(agent, rng)
    V, V_next = (worth(agent, x.reshape(-1, 5)).reshape(T, N) for x in (s, after))
    A = gae(np.ones((T, N)), V, V_next, fell, over, GAMMA, LAMBDA)  # (T, N): a reward of 1 for each step
    target, A = (A + V).ravel(), whitened(A.ravel())  # (T·N,) each
    s, taken = s.reshape(-1, 5), np.stack([~right.ravel(), right.ravel()], 1)  # (T·N, 5), (T·N, 2)
    old = chances(agent, s)  # (T·N, 2)
    log_old, clip = (old * taken).sum(1), eps if kind == "PPO" else None  # (T·N,)
    if kind == "REINFORCE":
        policy_step(agent, s, taken, log_old, A, None, eta)
    for _ in range(epochs):
        for at in rng.permutation(len(s)).reshape(-1, MINI):
            critic_step(agent, s[at], target[at], eta)
            if kind != "REINFORCE":
                policy_step(agent, s[at], taken[at], log_old[at], A[at], clip, eta)
    agent.kls.append(float((np.exp(old) * (old - chances(agent, s))).sum(1).mean()))  # exact: both actions are known
    agent.returns.append(float(np.mean(agent.lengths[-20:])))


def policy_step(agent, s, taken, log_old, A, eps, eta):
    """One step down the loss, clipped or not. At a batch's first step both are REINFORCE's."""
    logits, h = output(agent.policy, s, 2)
    log_p = log_softmax(logits)
    chosen = Tensor((log_p * taken).sum(1))  # (n,)
    loss = policy_loss(chosen, log_old, A) if eps is None else ppo_loss(chosen, log_old, A, eps)
    (g,) = gradients(loss, [chosen])  # (n,) by each action's log-probability
    moved_by(agent, "policy", gradient(agent.policy, s, h, g[:, None] * (taken - np.exp(log_p))), eta)


def critic_step(agent, s, target, eta):
    """One step of the critic towards the returns."""
    V, h = output(agent.critic, s, 1)
    moved_by(agent, "critic", gradient(agent.critic, s, h, (V - target[:, None] / WORTH) / len(s)), eta)


def moved_by(agent, which, g, eta):
    """A step of Adam on one of the agent's nets."""
    theta, state = adamw_step(getattr(agent, which), g, agent.states.get(which), eta, (0.9, 0.999))
    setattr(agent, which, theta)
    agent.states[which] = state


def lowest_late(returns):
    """The lowest value in the second half of a run."""
    return min(returns[len(returns) // 2 :])
