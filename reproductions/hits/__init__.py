"""Liu, Kutz & Brunton (2022): five systems, eleven step sizes each, trained anew.

``python -m reproductions.hits table6`` trains what is missing and scores all of it.
"""

from reproductions.hits.scoring import load_stepper as load_stepper
