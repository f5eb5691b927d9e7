"""Symplectic and plain networks as flows, with two optimisers, at equal seconds.

``python -m reproductions.sympflow`` chooses sizes, trains what is missing, and scores.
After Canizares, Murari, Schönlieb, Sherry & Shumaylov (2024), arXiv:2412.16787.
"""

from reproductions.sympflow.scoring import read_records as read_records
from reproductions.sympflow.training import load_network as load_network
