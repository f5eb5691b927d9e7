"""OnsagerNet against fields with less or other structure, on two systems.

``python -m reproductions.onsager`` chooses settings, trains what is missing, and
scores. After Yu, Tian, E & Li (2021), Phys. Rev. Fluids 6, 114402.
"""

from reproductions.onsager.scoring import read_records as read_records
from reproductions.onsager.training import load_field as load_field
