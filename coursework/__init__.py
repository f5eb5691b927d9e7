"""The coursework of the book: releasing, judging and grading assignments.

The arrows: ``variants`` and ``question`` import nothing of ours; ``judge`` runs student
code and imports neither; ``scoring`` compares; ``grade`` puts everything together.
"""
