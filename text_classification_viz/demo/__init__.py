"""A stand-in for the upstream project: the same three assets, in the same files, from public data.

Scope: whatever upstream would do. This package and the rest of the project know nothing of each other;
they meet only in the three files, as the real upstream and this project do.
"""
