"""Rayleigh-Benard convection: simulated, reduced to a few coordinates, and learned.

``python -m reproductions.convection`` simulates, trains what is missing, and scores.
After Yu, Tian, E & Li (2021), Phys. Rev. Fluids 6, 114402.
"""
