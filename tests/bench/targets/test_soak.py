from bench.targets.soak import Finding, findings_of

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
