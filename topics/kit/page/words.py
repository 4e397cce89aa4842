"""Numbers as figures' labels and sentences want them."""

import re


def short(x):
    """Three figures, thousands separated.

    >>> short(1234.5), short(12.345), short(0.00123)
    ('1,234', '12.3', '0.00123')
    """
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def counted(n, thing):
    """So many things, one of them without its s.

    >>> counted(1, "head"), counted(2_000, "head")
    ('1 head', '2,000 heads')
    """
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def typeset(text):
    """Negative numbers with a minus sign, and no line between a number and its %; hyphens and ranges stay as they are.

    >>> typeset("-0.5 to e^-2, (-1), GPT-2, 2020-11")
    '−0.5 to e^−2, (−1), GPT-2, 2020-11'
    >>> typeset("90 %")
    '90\\xa0%'
    """
    return re.sub(r"(?<=\d) (?=%)", "\u00a0", re.sub(r"(?<![\w)\]}-])-(?=[\d.])", "−", text))


def beyond(name, context):
    """What to say where a text is longer than a model's context.

    >>> beyond("GPT-3", 2048)
    'GPT-3 was made for 2,048 tokens; the arithmetic goes on without it.'
    """
    return f"{name} was made for {context:,} tokens; the arithmetic goes on without it."


def products(a, b):
    """How the dot product of two vectors comes about.

    >>> products([1, 2], [3, -4])
    '1.00·3.00 + 2.00·−4.00'
    """
    return typeset(" + ".join(f"{x:.2f}·{y:.2f}" for x, y in zip(a, b, strict=True)))


def raised(exponent):
    """A whole number as an exponent.

    >>> "10" + raised(-12)
    '10⁻¹²'
    """
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
