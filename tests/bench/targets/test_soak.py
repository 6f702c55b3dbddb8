from bench.targets.soak import Finding, findings_of, read, renewed, summary

LISTING = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" errors="0" failures="1" tests="4">
<testcase classname="tests.test_file_matrix" name="test_the_whole_matrix[mp4-h264]" time="1.2"/>
<testcase classname="tests.test_file_matrix" name="test_the_whole_matrix[mkv]" time="0.0">
<skipped message="one"/></testcase>
<testcase classname="tests.test_fuzz" name="test_broken" time="7.0">
<properties><property name="seen" value="10000 read"/></properties></testcase>
<testcase classname="tests.test_resume" name="test_kills" time="3.0">
<failure message="lost"/></testcase>
</testsuite></testsuites>"""


def test_each_slow_test_has_a_line_of_its_own():
    assert findings_of(LISTING) == [
        Finding("the whole matrix", True, "1 passed, 1 skipped; 1 s"),
        Finding("broken", True, "10000 read; 7 s"),
        Finding("kills", False, "1 failed; 3 s"),
    ]


def test_no_slow_tests_is_a_failure():
    assert not findings_of("<testsuites/>")[0].passed


MACHINE = {"date": "2026-01-01", "commit": "abc", "load at the start": "0.1"}
PARTS = {
    "slow tests": [Finding("kills", False, "1 failed"), Finding("broken", True, "7 s")],
    "live": [Finding("frames", True, "9"), Finding("browsers", False, "1 of 2")],
    "live, ends": [Finding("ends", True, "0.1 s")],
}


def test_what_is_run_again_stands_in_the_place_of_what_failed():
    page = summary(MACHINE, PARTS, {"live": 3.0})
    assert read(page) == {"slow tests": ["kills"], "live": ["browsers"], "live, ends": []}
    again = {
        "slow tests": [Finding("kills", True, "1 passed")],
        "live": [Finding("live", False, "it broke")],
    }
    new = renewed(page, MACHINE | {"commit": "def"}, again)
    assert read(new) == {"slow tests": [], "live": ["live"], "live, ends": []}
    rows = [line for line in new.splitlines() if line.startswith("| slow") or "live" in line]
    assert rows[:4] == [
        "| slow tests | kills | passed | 1 passed |",
        "| slow tests | broken | passed | 7 s |",
        "| live | live | **failed** | it broke |",
        "| live, ends | ends | passed | 0.1 s |",
    ]
    assert new.splitlines()[-1] == "Run again (2026-01-01, def, load 0.1): slow tests, live."
