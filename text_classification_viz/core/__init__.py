"""Plain functions over arrays and Arrow tables: everything the assets compute, with no Dagster.

Heavy libraries (torch, umap, numba, faiss, matplotlib) are imported inside the functions that use them.
"""
