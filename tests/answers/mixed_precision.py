"""Answers to the exercises on mixed precision: right ones, written another way, and wrong ones that look right."""

RIGHT = {
    "write_the_bits": [
        """
        def pattern(x, e, f):
            bias = 2 ** (e - 1) - 1
            sign = 1 if np.signbit(x) else 0
            x = abs(float(x))
            largest = (2 - 2.0**-f) * 2.0**bias
            step = 2.0 ** (1 - bias - f)
            if x >= 2.0 ** (1 - bias):
                step = 2.0 ** (int(np.floor(np.log2(x))) - f)
            n = np.rint(x / step)
            y = n * step
            if y > largest:
                exponent, fraction = 2**e - 1, 0
            elif y < 2.0 ** (1 - bias):
                exponent, fraction = 0, int(y / step)
            else:
                at = int(np.floor(np.log2(y)))
                exponent, fraction = at + bias, int((y / 2.0**at - 1) * 2**f)
            return sign * 2 ** (e + f) + exponent * 2**f + fraction
        """,
    ],
    "keep_the_scale": [
        """
        def scaled_step(w, g, S, good, eta, limit, interval):
            if np.isnan(g).any() or np.isinf(g).any():
                return w.copy(), S * 0.5, 0
            true = g / S
            norm = np.linalg.norm(true)
            if norm > limit:
                true = true / norm * limit
            good += 1
            if good == interval:
                S, good = S * 2, 0
            return w - eta * true, S, good
        """,
    ],
    "round_at_random": [
        """
        def at_random(x, bits, u):
            step = 2.0 ** (np.frexp(x)[1] - bits)
            low = np.floor(x / step)
            return (low + (u < x / step - low)) * step
        """,
        """
        def at_random(x, bits, u):
            out = []
            for a, b in zip(x, u):
                if a == 0:
                    out.append(0.0)
                    continue
                step = 2.0 ** (int(np.floor(np.log2(abs(a)))) + 1 - bits)
                out.append(np.copysign(np.floor(abs(a) / step + b) * step, a))
            return np.array(out)
        """,
    ],
}

_BODY = """
            bias = 2 ** (e - 1) - 1
            sign = int(np.signbit(x)) << (e + f)
            at = max(int(np.frexp(abs(x))[1]) - 1, 1 - bias) if x else 1 - bias
            n = abs(x) / 2.0 ** (at - f)
"""
_END = "min((at + bias - 1) * 2**f + n, (2**e - 1) * 2**f)"

WRONG = {
    "write_the_bits": {
        "cuts off": f"""
        def pattern(x, e, f):{_BODY}
            n = int(n)
            return sign + {_END}
        """,
        "ties away from zero": f"""
        def pattern(x, e, f):{_BODY}
            n = int(np.floor(n + 0.5))
            return sign + {_END}
        """,
        "ties toward zero": f"""
        def pattern(x, e, f):{_BODY}
            n = int(np.ceil(n - 0.5))
            return sign + {_END}
        """,
        "no subnormal numbers": f"""
        def pattern(x, e, f):{_BODY}
            n = round(n)
            return sign + ({_END} if n >= 2**f else 0)
        """,
        "saturates": f"""
        def pattern(x, e, f):{_BODY}
            n = round(n)
            return sign + min((at + bias - 1) * 2**f + n, (2**e - 1) * 2**f - 1)
        """,
        "65,520 to 65,504": f"""
        def pattern(x, e, f):{_BODY}
            n = round(n)
            largest = (2 - 2.0**-f) * 2.0**bias
            if abs(x) < 2 * largest and (at + bias - 1) * 2**f + n >= (2**e - 1) * 2**f:
                return sign + (2**e - 1) * 2**f - 1
            return sign + {_END}
        """,
        "infinite from the largest number on": f"""
        def pattern(x, e, f):{_BODY}
            n = round(n)
            largest = (2 - 2.0**-f) * 2.0**bias
            return sign + ({_END} if abs(x) <= largest else (2**e - 1) * 2**f)
        """,
        "no carry into the exponent": f"""
        def pattern(x, e, f):{_BODY}
            n = min(round(n), 2 ** (f + 1) - 1)
            return sign + {_END}
        """,
        "forgets the sign": f"""
        def pattern(x, e, f):{_BODY}
            n = round(n)
            return {_END}
        """,
        "two's complement": f"""
        def pattern(x, e, f):{_BODY}
            n = round(n)
            code = {_END}
            return 2 ** (e + f + 1) - code if x < 0 else code
        """,
        "always FP16": """
        def pattern(x, e, f):
            with np.errstate(over="ignore"):
                return int(np.float16(x).view(np.uint16))
        """,
        "through FP16, rounded twice": f"""
        def pattern(x, e, f):
            with np.errstate(over="ignore"):
                x = float(np.float16(x))
            if np.isinf(x):
                return (int(x < 0) << (e + f)) + ((2**e - 1) << f)
            bias = 2 ** (e - 1) - 1
            sign = int(np.signbit(x)) << (e + f)
            at = max(int(np.frexp(abs(x))[1]) - 1, 1 - bias) if x else 1 - bias
            n = round(abs(x) / 2.0 ** (at - f))
            return sign + {_END}
        """,
        "a bias of one more": f"""
        def pattern(x, e, f):
            bias = 2 ** (e - 1)
            sign = int(np.signbit(x)) << (e + f)
            at = max(int(np.frexp(abs(x))[1]) - 1, 1 - bias) if x else 1 - bias
            n = round(abs(x) / 2.0 ** (at - f))
            return sign + {_END}
        """,
    },
    "keep_the_scale": {
        "steps on infinity": """
        def scaled_step(w, g, S, good, eta, limit, interval):
            ok = np.isfinite(g).all()
            g = np.nan_to_num(g, posinf=0, neginf=0) / S
            n = np.linalg.norm(g)
            w = w - eta * g * min(1, limit / n if n else 1)
            if not ok:
                return w, S / 2, 0
            return (w, 2 * S, 0) if good + 1 == interval else (w, S, good + 1)
        """,
        "looks for NaN only": """
        def scaled_step(w, g, S, good, eta, limit, interval):
            if np.isnan(g).any():
                return w, S / 2, 0
            g = g / S
            n = np.linalg.norm(g)
            w = w - eta * g * min(1, limit / n if n else 1)
            return (w, 2 * S, 0) if good + 1 == interval else (w, S, good + 1)
        """,
        "clips to length 1, whatever the limit": """
        def scaled_step(w, g, S, good, eta, limit, interval):
            if not np.isfinite(g).all():
                return w, S / 2, 0
            g = g / S
            n = np.linalg.norm(g)
            w = w - eta * g * min(1, 1 / n if n else 1)
            return (w, 2 * S, 0) if good + 1 == interval else (w, S, good + 1)
        """,
        "has a rate of its own": """
        def scaled_step(w, g, S, good, eta, limit, interval):
            if not np.isfinite(g).all():
                return w, S / 2, 0
            g = g / S
            n = np.linalg.norm(g)
            w = w - 0.1 * g * min(1, limit / n if n else 1)
            return (w, 2 * S, 0) if good + 1 == interval else (w, S, good + 1)
        """,
        "a skipped step does not begin the count anew": """
        def scaled_step(w, g, S, good, eta, limit, interval):
            if not np.isfinite(g).all():
                return w, S / 2, good
            g = g / S
            n = np.linalg.norm(g)
            w = w - eta * g * min(1, limit / n if n else 1)
            return (w, 2 * S, 0) if good + 1 == interval else (w, S, good + 1)
        """,
        "clips before it unscales": """
        def scaled_step(w, g, S, good, eta, limit, interval):
            if not np.isfinite(g).all():
                return w, S / 2, 0
            n = np.linalg.norm(g)
            w = w - eta * g * min(1, limit / n if n else 1) / S
            return (w, 2 * S, 0) if good + 1 == interval else (w, S, good + 1)
        """,
        "never unscales": """
        def scaled_step(w, g, S, good, eta, limit, interval):
            if not np.isfinite(g).all():
                return w, S / 2, 0
            n = np.linalg.norm(g)
            w = w - eta * g * min(1, limit / n if n else 1)
            return (w, 2 * S, 0) if good + 1 == interval else (w, S, good + 1)
        """,
        "does not clip": """
        def scaled_step(w, g, S, good, eta, limit, interval):
            if not np.isfinite(g).all():
                return w, S / 2, 0
            w = w - eta * g / S
            return (w, 2 * S, 0) if good + 1 == interval else (w, S, good + 1)
        """,
        "always as long as the limit": """
        def scaled_step(w, g, S, good, eta, limit, interval):
            if not np.isfinite(g).all():
                return w, S / 2, 0
            g = g / S
            w = w - eta * g * limit / (np.linalg.norm(g) + 1e-12)
            return (w, 2 * S, 0) if good + 1 == interval else (w, S, good + 1)
        """,
        "grows one step late": """
        def scaled_step(w, g, S, good, eta, limit, interval):
            if not np.isfinite(g).all():
                return w, S / 2, 0
            g = g / S
            n = np.linalg.norm(g)
            w = w - eta * g * min(1, limit / n if n else 1)
            return (w, 2 * S, 0) if good == interval else (w, S, good + 1)
        """,
        "grows and goes on counting": """
        def scaled_step(w, g, S, good, eta, limit, interval):
            if not np.isfinite(g).all():
                return w, S / 2, 0
            g = g / S
            n = np.linalg.norm(g)
            w = w - eta * g * min(1, limit / n if n else 1)
            good += 1
            return w, (2 * S if good % interval == 0 else S), good
        """,
        "divides by the new scale": """
        def scaled_step(w, g, S, good, eta, limit, interval):
            if not np.isfinite(g).all():
                return w, S / 2, 0
            new, count = (2 * S, 0) if good + 1 == interval else (S, good + 1)
            g = g / new
            n = np.linalg.norm(g)
            return w - eta * g * min(1, limit / n if n else 1), new, count
        """,
        "changes the weights in place": """
        def scaled_step(w, g, S, good, eta, limit, interval):
            if not np.isfinite(g).all():
                return w, S / 2, 0
            g = g / S
            n = np.linalg.norm(g)
            w -= eta * g * min(1, limit / n if n else 1)
            return (w, 2 * S, 0) if good + 1 == interval else (w, S, good + 1)
        """,
        "NaN where the gradient is zero": """
        def scaled_step(w, g, S, good, eta, limit, interval):
            if not np.isfinite(g).all():
                return w, S / 2, 0
            g = g / S
            n = np.linalg.norm(g)
            with np.errstate(all="ignore"):
                w = w - eta * g / n * min(n, limit)
            return (w, 2 * S, 0) if good + 1 == interval else (w, S, good + 1)
        """,
    },
    "round_at_random": {
        "to nearest": """
        def at_random(x, bits, u):
            step = 2.0 ** (np.frexp(x)[1] - bits)
            return np.rint(x / step) * step
        """,
        "cuts off": """
        def at_random(x, bits, u):
            step = 2.0 ** (np.frexp(x)[1] - bits)
            return np.trunc(x / step) * step
        """,
        "up for half of all u": """
        def at_random(x, bits, u):
            step = 2.0 ** (np.frexp(x)[1] - bits)
            low = np.floor(x / step)
            return (low + ((u < 0.5) & (low != x / step))) * step
        """,
        "biased for negative numbers": """
        def at_random(x, bits, u):
            step = 2.0 ** (np.frexp(x)[1] - bits)
            low = np.trunc(x / step)
            return (low + (u < np.abs(x / step - low))) * step
        """,
        "the wrong way round": """
        def at_random(x, bits, u):
            step = 2.0 ** (np.frexp(x)[1] - bits)
            low = np.floor(x / step)
            return (low + ((u >= x / step - low) & (low != x / step))) * step
        """,
        "moves what needs no rounding": """
        def at_random(x, bits, u):
            step = 2.0 ** (np.frexp(x)[1] - bits)
            return np.rint(x / step + u - 0.5 + (u > 0.9)) * step
        """,
        "noise of a whole step, then nearest": """
        def at_random(x, bits, u):
            step = 2.0 ** (np.frexp(x)[1] - bits)
            return np.rint(x / step + 2 * u - 1) * step
        """,
        "one bit too few": """
        def at_random(x, bits, u):
            step = 2.0 ** (np.frexp(x)[1] - bits + 1)
            return np.floor(x / step + u) * step
        """,
        "a step that is the same for all": """
        def at_random(x, bits, u):
            step = 2.0 ** (np.frexp(np.abs(x).max())[1] - bits)
            return np.floor(x / step + u) * step
        """,
        "always eight bits": """
        def at_random(x, bits, u):
            step = 2.0 ** (np.frexp(x)[1] - 8)
            return np.floor(x / step + u) * step
        """,
        "NaN for zero": """
        def at_random(x, bits, u):
            with np.errstate(all="ignore"):
                step = 2.0 ** (np.floor(np.log2(np.abs(x))) + 1 - bits)
                return np.floor(x / step + u) * step
        """,
    },
}
