"""Studies built on the library: one binary per stage, configured by a recipe.

`python -m experiments` lists the binaries.
"""

from experiments.running import environment

environment.check()
