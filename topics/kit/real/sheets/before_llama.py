"""BERT, GPT-2, T5, OPT, GPT-NeoX: LayerNorm (T5: RMSNorm), two matrices a feed-forward layer, biases (T5: none)."""

from topics.kit.errors import UnreadableError
from topics.kit.real.sheets.plan import Plan
from topics.kit.real.sheets.since_llama import heads_of


def _with_bias(p, at, names, out, fan_in, n, part):
    for name in names:
        p.linear(f"{at}.{name}", out, fan_in, n, part, True)


def bert(f, kind):
    """BERT and RoBERTa, as they give vectors: with the pooler, without the head that guesses masked words."""
    d, L, V = f.whole("hidden_size"), f.L, f.whole("vocab_size")
    H, _, D = heads_of(f, d)
    p, F = Plan(f), f.whole("intermediate_size")
    table = (
        ("word_embeddings", V),
        ("position_embeddings", f.whole("max_position_embeddings")),
        ("token_type_embeddings", f.whole("type_vocab_size")),
    )
    for name, rows in table:
        p.add(f"embeddings.{name}.weight", (rows, d), 1, "embedding", "lookup")
    p.norm("embeddings.LayerNorm", d, 1, True)
    at = "encoder.layer.*"
    _with_bias(p, at, [f"attention.self.{name}" for name in ("query", "key", "value")], d, d, L, "attention")
    p.linear(f"{at}.attention.output.dense", d, d, L, "attention", True)
    p.norm(f"{at}.attention.output.LayerNorm", d, L, True)
    p.linear(f"{at}.intermediate.dense", F, d, L, "feed-forward", True)
    p.linear(f"{at}.output.dense", d, F, L, "feed-forward", True)
    p.norm(f"{at}.output.LayerNorm", d, L, True)
    p.linear("pooler.dense", d, d, 1, "output", True)
    p.mix("both ways", L, H, H, D)
    p.F, p.feeds, p.dense = F, 2, L
    p.notes.append(
        "Counted as it makes vectors, with the pooler, which meets the first token alone; the head that "
        "guesses masked words is not counted."
    )
    return p.sheet(kind, "encoder", d, V, L, False)


def gpt2(f, kind):
    """GPT-2: its arrays lie with the inputs first."""
    d, L, V = f.whole("n_embd", "hidden_size"), f.L, f.whole("vocab_size")
    H, p = f.whole("n_head", "num_attention_heads"), Plan(f)
    F, tied = f.whole("n_inner", default=4 * d), f.flag("tie_word_embeddings", True)
    if d % H:
        raise UnreadableError(f"n_head, {H}, does not divide n_embd, {d}.")
    p.add("transformer.wte.weight", (V, d), 1, "embedding", "lookup")
    p.add("transformer.wpe.weight", (f.whole("n_positions", "n_ctx"), d), 1, "embedding", "lookup")
    at = "transformer.h.*."
    for name in ("ln_1", "ln_2"):
        p.norm(at + name, d, L, True)
    for name, fan_in, out, part in (
        ("attn.c_attn", d, 3 * d, "attention"),
        ("attn.c_proj", d, d, "attention"),
        ("mlp.c_fc", d, F, "feed-forward"),
        ("mlp.c_proj", F, d, "feed-forward"),
    ):
        p.add(f"{at}{name}.weight", (fan_in, out), L, part, "product")
        p.add(f"{at}{name}.bias", (out,), L)
    p.norm("transformer.ln_f", d, 1, True)
    if not tied:
        p.linear("lm_head", V, d, 1, "output")
    p.mix("full", L, H, H, d // H)
    p.F, p.feeds, p.dense = F, 2, L
    return p.sheet(kind, "decoder", d, V, L, tied)


def opt(f, kind):
    """OPT: two rows of positions more than its longest text."""
    d, L, V = f.whole("hidden_size"), f.L, f.whole("vocab_size")
    H, _, D = heads_of(f, d)
    if f.whole("word_embed_proj_dim", default=d) != d or not f.flag("do_layer_norm_before", True):
        raise UnreadableError("word_embed_proj_dim or do_layer_norm_before: OPT-350M's own form is not read here.")
    p, F, tied = Plan(f), f.whole("ffn_dim"), f.flag("tie_word_embeddings", True)
    p.add("model.decoder.embed_tokens.weight", (V, d), 1, "embedding", "lookup")
    p.add("model.decoder.embed_positions.weight", (f.whole("max_position_embeddings") + 2, d), 1, "embedding", "lookup")
    p.norm("model.decoder.final_layer_norm", d, 1, True)
    at = "model.decoder.layers.*"
    _with_bias(p, f"{at}.self_attn", ("k_proj", "v_proj", "q_proj", "out_proj"), d, d, L, "attention")
    for name in ("self_attn_layer_norm", "final_layer_norm"):
        p.norm(f"{at}.{name}", d, L, True)
    p.linear(f"{at}.fc1", F, d, L, "feed-forward", True)
    p.linear(f"{at}.fc2", d, F, L, "feed-forward", True)
    if not tied:
        p.linear("lm_head", V, d, 1, "output")
    p.mix("full", L, H, H, D)
    p.F, p.feeds, p.dense = F, 2, L
    return p.sheet(kind, "decoder", d, V, L, tied)


def neox(f, kind):
    """GPT-NeoX and Pythia: attention and feed-forward side by side, from the same residual stream."""
    d, L, V = f.whole("hidden_size"), f.L, f.whole("vocab_size")
    H, _, D = heads_of(f, d)
    p, F, tied = Plan(f), f.whole("intermediate_size"), f.flag("tie_word_embeddings")
    bias, at = f.flag("attention_bias", True), "gpt_neox.layers.*."
    p.add("gpt_neox.embed_in.weight", (V, d), 1, "embedding", "lookup")
    for name in ("input_layernorm", "post_attention_layernorm"):
        p.norm(at + name, d, L, True)
    p.linear(at + "attention.query_key_value", 3 * d, d, L, "attention", bias)
    p.linear(at + "attention.dense", d, d, L, "attention", bias)
    p.linear(at + "mlp.dense_h_to_4h", F, d, L, "feed-forward", True)
    p.linear(at + "mlp.dense_4h_to_h", d, F, L, "feed-forward", True)
    p.norm("gpt_neox.final_layer_norm", d, 1, True)
    if not tied:
        p.linear("lm_head", V, d, 1, "output")
    p.mix("full", L, H, H, D)
    p.F, p.feeds, p.dense = F, 2, L
    return p.sheet(kind, "decoder", d, V, L, tied)


def t5(f, kind):
    """T5: an encoder that reads both ways, and a decoder whose layers also ask the encoder."""
    d, V, L = f.whole("d_model"), f.whole("vocab_size"), f.L
    H, D, F = f.whole("num_heads"), f.whole("d_kv"), f.whole("d_ff")
    below, p, tied = f.whole("num_decoder_layers", default=L), Plan(f), f.flag("tie_word_embeddings", True)
    act = f.config.get("feed_forward_proj", "relu")
    gate = isinstance(act, str) and act.startswith("gated")
    p.add("shared.weight", (V, d), 1, "embedding", "lookup")
    for side, n in (("encoder", L), ("decoder", below)):
        at = f"{side}.block.*.layer.*."
        for kind_of in ("SelfAttention", "EncDecAttention")[: 1 if side == "encoder" else 2]:
            for name in ("q", "k", "v"):
                p.linear(f"{at}{kind_of}.{name}", H * D, d, n, "attention")
            p.linear(f"{at}{kind_of}.o", d, H * D, n, "attention")
        p.add(
            f"{at}SelfAttention.relative_attention_bias.weight",
            (f.whole("relative_attention_num_buckets"), H),
            1,
            "attention",
            "lookup",
        )
        p.norm(f"{at}layer_norm", d, (2 if side == "encoder" else 3) * n)
        for name in ("wi_0", "wi_1") if gate else ("wi",):
            p.linear(f"{at}DenseReluDense.{name}", F, d, n, "feed-forward")
        p.linear(f"{at}DenseReluDense.wo", d, F, n, "feed-forward")
        p.norm(f"{side}.final_layer_norm", d)
    if not tied:
        p.linear("lm_head", V, d, 1, "output")
    p.mix("both ways", L, H, H, D)
    p.mix("full", below, H, H, D)
    p.mix("cross", below, H, H, D)
    p.F, p.feeds, p.dense = F, 3 if gate else 2, L + below
    p.notes.append("Counted for one token read and one written: the text read is as long as the one written.")
    return p.sheet(kind, "encoder and decoder", d, V, L + below, tied)
