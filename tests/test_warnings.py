"""A warning fails a test only where this project's code is the frame it points at."""

import warnings

import pytest

OURS = ("wsjax.fit.instance", "wsjax", "experiments.fit", "configs.digits", "test_fit")
THEIRS = ("skimage.measure", "numpy", "jax._src.core", "wsjax2", "not.wsjax", "test")
KINDS = (UserWarning, DeprecationWarning, RuntimeWarning, ResourceWarning)


def function(module, body, **names):
    """The function `f` of a module of that name, with one line of code as its body."""
    names |= {"__name__": module, "warnings": warnings}
    exec(f"def f(kind):\n    {body}", names)
    return names["f"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("module", OURS)
def test_a_warning_of_our_code_is_an_error(module, kind):
    with pytest.raises(kind, match="told"):
        function(module, "warnings.warn('told', kind)")(kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("module", THEIRS)
def test_a_warning_inside_a_library_is_none(module, kind):
    with warnings.catch_warnings(record=True):  # Keeps the filters in force.
        function(module, "warnings.warn('told', kind)")(kind)


@pytest.mark.parametrize("module", OURS)
def test_a_library_that_warns_its_caller_fails_ours(module):
    """So a deprecated call of ours is found, though it is the library that warns."""
    theirs = function("jax.numpy", "warnings.warn('told', kind, stacklevel=2)")
    with pytest.raises(DeprecationWarning, match="told"):
        function(module, "theirs(kind)", theirs=theirs)(DeprecationWarning)


@pytest.mark.parametrize("module", THEIRS)
def test_a_library_that_warns_another_fails_nothing(module):
    theirs = function("jax.numpy", "warnings.warn('told', kind, stacklevel=2)")
    with warnings.catch_warnings(record=True):
        function(module, "theirs(kind)", theirs=theirs)(DeprecationWarning)


def test_an_error_that_cannot_leave_our_destructor_fails():
    """Such as a file that nobody closed: Python only prints it."""
    kind = pytest.PytestUnraisableExceptionWarning
    with pytest.raises(kind, match="told"):
        warnings.warn("told", kind, stacklevel=1)
