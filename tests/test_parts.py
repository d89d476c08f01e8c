"""Of parts that run one after the other, one that fails stops no other."""

import pytest

from experiments.running import parts


def test_all_others_run_and_the_reason_is_kept_in_one_line(capsys):
    ran = []

    def run(name):
        ran.append(name)
        if name == "b":
            raise ValueError("too\n  much")
        if name == "d":
            raise OSError("no room")
        return name.upper()

    found, failed = parts.each("abcde", run)
    assert ran == list("abcde")
    assert found == {"a": "A", "c": "C", "e": "E"}
    assert failed == {"b": "too much", "d": "no room"}
    assert "b: failed: too much\nd: failed: no room\n" == capsys.readouterr().out


def test_a_fault_of_the_program_is_no_failure_of_a_part():
    with pytest.raises(ZeroDivisionError):
        parts.each("ab", lambda name: 1 / 0)


def test_one_error_names_all_that_failed_and_says_a_shared_reason_once():
    parts.refuse({}, "seeds")
    line = r"^these seeds failed, all others are finished: 0, 2: full; 1: far$"
    with pytest.raises(ValueError, match=line):
        parts.refuse({"0": "full", "1": "far", "2": "full"}, "seeds")
