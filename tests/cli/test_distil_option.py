"""`loupe train --network … --network …` and `--distil`."""

import pytest

import loupe

SHORT = ("--recipe", "logistic", "--epochs", "1", "--no-test", "--quiet")


@pytest.mark.slow
def test_a_repeated_network_makes_a_committee_and_a_pupil_learns_from_it(loupe_command):
    both = ("--network", "16N", "--network", "4C3-MP2")
    result = loupe_command("train", "digits", *SHORT, *both, "--out", "both")
    assert result.code == 0, result.err
    run = loupe.open_run("both")
    assert run.recipe.networks == ("16N", "4C3-MP2")
    assert run.recipe.members == 2
    taught = loupe_command(
        "train", "digits", *SHORT, "--network", "16N", "--distil", "both", "--out", "pupil"
    )
    assert taught.code == 0, taught.err
    page = (loupe.open_run("pupil").folder / "report.html").read_text()
    assert "--distil" in page
    leaking = loupe_command("train", "digits", *SHORT, "--seed", "5", "--distil", "both")
    assert leaking.code == 2
    assert "--seed 0" in leaking.err


def test_distil_and_resume_do_not_go_together(loupe_command, digits_run):
    result = loupe_command("train", "--resume", digits_run, "--distil", digits_run)
    assert result.code == 2
    assert "--resume" in result.err
