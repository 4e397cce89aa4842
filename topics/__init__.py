"""The order of the series: sections and slugs, nothing else."""

ORDER = {
    "Attention": ["kv_cache"],
}
