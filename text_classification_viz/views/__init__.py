"""What people look at: pictures of maps, the Embedding Projector's files, and the triage page.

Scope: turning results into pixels, files and pages. Nothing here computes a result or publishes one.
"""
