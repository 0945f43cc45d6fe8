/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frames_test.c - what becomes of frames when one of them, or the interface, is of no use
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "pair/frames.h"
#include "region/record.h"

#define FRAME 1        /* as in frames.c */
#define HUGE (1 << 20) /* bytes; more than goes through the socket at once */

static GBytes *three_frames(void)
{
    struct record_writer writer = {0};
    g_autofree guint8 *huge = g_malloc0(HUGE);

    record_put(&writer, FRAME, "first", 5);
    record_put(&writer, FRAME, huge, HUGE);
    record_put(&writer, FRAME, "last", 4);
    return g_bytes_new_with_free_func(writer.bytes, writer.size, free, writer.bytes);
}

static void expect(int fd, const char *frame)
{
    char bytes[64] = "";

    assert_int_equal(recv(fd, bytes, sizeof(bytes) - 1, MSG_DONTWAIT), strlen(frame));
    assert_string_equal(bytes, frame);
}

static void one_that_cannot_be_sent_keeps_no_other(void **state)
{
    g_autoptr(GBytes) frames = three_frames();
    g_autoptr(GError) error = NULL;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    assert_false(frames_send(fds[0], "dmu0", frames, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_FAILED));
    assert_true(g_str_has_prefix(error->message, "1 of the frames could not be sent over dmu0"));
    expect(fds[1], "first");
    expect(fds[1], "last");
    close(fds[0]);
    close(fds[1]);
}

static void no_interface_is_not_every_interface(void **state)
{
    g_autoptr(GBytes) frames = three_frames();
    g_autoptr(GError) error = NULL;

    assert_false(frames_deliver("nosuchinterface", frames, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_FAILED));
    assert_non_null(strstr(error->message, "there is no interface nosuchinterface"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_cannot_be_sent_keeps_no_other),
        cmocka_unit_test(no_interface_is_not_every_interface),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
