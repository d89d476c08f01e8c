"""Studies on top of the library: one binary per stage, run by a recipe.

`python -m experiments` lists the binaries.
"""

from experiments.running import environment

environment.check()
