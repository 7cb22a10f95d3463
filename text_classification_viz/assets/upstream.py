"""The assets that the upstream project makes, declared as external: read here, never made here."""

import dagster as dg

UPSTREAM_IO_MANAGER = "upstream_io_manager"

DESCRIPTIONS = {
    "train_set": "The training rows: id, category, headline, short description.",
    "train_embeddings": "One vector per training row, in the same order.",
    "label_transform": "The classes and what each is called.",
}
VALIDATION_DESCRIPTIONS = {
    "validation_set": "Rows held out from the training set, with the same fields; need not be there.",
    "validation_embeddings": "One vector per validation row, in the same order.",
}
UPSTREAM_KEYS = tuple(DESCRIPTIONS)

upstream_assets = [
    dg.AssetSpec(
        key,
        description=f"{description} Made by the upstream project `text_classification`; read only.",
        group_name="upstream",
        kinds={"pickle"},
    ).with_io_manager_key(UPSTREAM_IO_MANAGER)
    for key, description in {**DESCRIPTIONS, **VALIDATION_DESCRIPTIONS}.items()
]
