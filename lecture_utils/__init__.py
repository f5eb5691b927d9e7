"""Code shared by the chapters of *Neural Networks and Differential Equations*.

Import from the modules, e.g. ``from lecture_utils.integrators import rk4_step``: the
import line then tells the reader which file to open. Shapes, in every module: a state
is ``(..., d)``, a time grid ``(T,)``, a trajectory ``(..., T, d)``.
"""
