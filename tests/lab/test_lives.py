# SPDX-License-Identifier: GPL-2.0-or-later
"""What VMs must never do is seen, and nothing else, in what their QEMUs have noted."""

from lab.lives import Run, alone, known, parse, stops, twice

NOW = 1000


def run(pid, begin, end=None, stopped=True, begins=False):
    return Run(pid, begin, end, stopped and end is not None, begins)


def there(_pid):
    return True


def spans(*runs, dead=()):
    return known(runs, lambda pid: pid not in dead, NOW)


def test_what_qemu_writes():
    text = ("7@5.000001:vm_state_notify running 1 reason 9 (running)\n"
            "2026-11-30T00:00:00Z qemu-system-x86_64: warning: something else\n"
            "7@5.000020:vm_state_notify running 0 reason 4 (paused)\n"
            "7@6.000000:vm_state_notify running 1 reason 9 (running)\n"
            "7@7.000000:vm_state_notify running 0 reason 11 (shutdown)\n")
    assert parse(text, 7, True) == [Run(7, 5000001, 5000020, True, True), Run(7, 6000000, 7000000, False, False)]


def test_one_after_the_other():
    assert twice(spans(run(1, 0, 10), run(2, 11, 20), run(1, 20))) == []


def test_two_at_once():
    assert len(twice(spans(run(1, 0, 10), run(2, 9)))) == 1


def test_one_that_has_not_stopped():
    assert len(twice(spans(run(1, 0), run(2, 9, 20)))) == 1


def test_one_that_was_killed_says_nothing():
    assert twice(spans(run(1, 0), run(2, 9), dead=[1])) == []


def test_domain_r_stops_first_and_resumes_last():
    assert alone(spans(run(3, 0, 9), run(4, 13)), stops([run(1, 0, 10), run(2, 12)], there, NOW)) == []


def test_domain_r_stops_too_late():
    assert len(alone(spans(run(3, 0, 11)), stops([run(1, 0, 10), run(2, 12)], there, NOW))) == 1


def test_domain_r_resumes_too_early():
    assert len(alone(spans(run(3, 0, 9), run(4, 11)), stops([run(1, 0, 10), run(2, 12)], there, NOW))) == 1


def test_domain_r_without_its_user_vm():
    assert len(alone(spans(run(3, 0)), stops([run(1, 0, 10)], there, NOW))) == 1


def test_a_guest_that_ends_by_itself_leaves_domain_r():
    assert alone(spans(run(3, 0)), stops([run(1, 0, 10, stopped=False)], there, NOW)) == []


def test_another_machine_boots_beside_its_domain_r():
    assert alone(spans(run(4, 20)), stops([run(1, 0, 10), run(2, 30, begins=True)], there, NOW)) == []


def test_domain_r_shows_the_end_of_a_user_vm_that_was_killed_while_it_was_stopped():
    assert alone(spans(run(3, 0, 9), run(3, 20)), stops([run(1, 0, 10)], lambda pid: False, NOW)) == []
