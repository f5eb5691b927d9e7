"""Liu, Kutz & Brunton (2022), "Hierarchical deep learning of multiscale differential
equation time-steppers": the five systems, eleven step sizes each, trained anew.

``python -m reproductions.hits train`` trains the networks, ``... table6`` scores them.
"""
