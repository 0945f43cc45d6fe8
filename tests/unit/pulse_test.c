/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pulse_test.c - which looks at a silent process count against it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dmored/pulse.h"

#define TICKS_US 50000 /* in which the kernel counts run time, more than once */

static void sleep_for_ever(void)
{
    for (;;)
        pause();
}

static void run_for_ever(void)
{
    for (volatile int i = 0;; i++)
        ;
}

static void stop(void)
{
    raise(SIGSTOP);
}

static void be_debugged(void)
{
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
}

static pid_t start(void (*life)(void))
{
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        life();
        _exit(0);
    }
    assert_true(pid > 0);
    return pid;
}

static void finish(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* How many of ten looks have counted, when it is in that state. */
static guint count_silent(pid_t pid, gint64 beat, char state)
{
    Pulse pulse = {.beat = beat};

    for (int i = 0; i < 100 && pulse.state != state; i++) {
        usleep(TICKS_US);
        pulse_look(&pulse, pid, beat + 1 + i % 2, 0);
    }
    assert_int_equal(pulse.state, state);
    pulse.beat = beat;
    pulse.silent = 0;
    for (int i = 0; i < 10; i++) {
        usleep(TICKS_US);
        assert_false(pulse_look(&pulse, pid, beat, 10));
    }
    return pulse.silent;
}

static void test_sleeps(void **state)
{
    pid_t pid = start(sleep_for_ever);

    assert_int_equal(count_silent(pid, 7, 'S'), 10);
    finish(pid);
}

/* It is told once, and what is done about it then has as long to show. */
static void test_too_long(void **state)
{
    pid_t pid = start(sleep_for_ever);
    Pulse pulse = {0};

    count_silent(pid, 7, 'S');
    for (int look = 1; look <= 8; look++)
        assert_int_equal(pulse_look(&pulse, pid, 0, 3), look % 4 == 0);
    finish(pid);
}

static void test_is_stopped(void **state)
{
    pid_t pid = start(stop);

    assert_int_equal(count_silent(pid, 7, 'T'), 10);
    finish(pid);
}

/* However little the processor is free for it, it does not count when it has not run. */
static void test_runs(void **state)
{
    pid_t pid = start(run_for_ever);
    Pulse pulse = {0};

    assert_in_range(count_silent(pid, 7, 'R'), 1, 10);
    for (int i = 0; i < 10; i++)
        pulse_look(&pulse, pid, 0, 10);
    assert_in_range(pulse.silent, 0, 9); /* no time has passed between most of them */
    finish(pid);
}

static void test_is_debugged(void **state)
{
    pid_t pid = start(be_debugged);

    assert_int_equal(count_silent(pid, 7, 't'), 0);
    finish(pid);
}

static void test_gives_signs(void **state)
{
    pid_t pid = start(sleep_for_ever);
    Pulse pulse = {0};

    for (int i = 1; i < 20; i++)
        assert_false(pulse_look(&pulse, pid, i / 3, 2));
    finish(pid);
}

static void test_has_ended(void **state)
{
    pid_t pid = start(stop);
    Pulse pulse = {0};

    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    for (int i = 0; i < 10; i++)
        assert_false(pulse_look(&pulse, pid, 0, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sleeps),      cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_is_stopped),  cmocka_unit_test(test_runs),
        cmocka_unit_test(test_is_debugged), cmocka_unit_test(test_gives_signs),
        cmocka_unit_test(test_has_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
