"""Programs behind the numbers of the book; each runs as ``python -m reproductions.x``.

They may take minutes. The chapters read the results they leave.
"""
