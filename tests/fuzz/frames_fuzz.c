/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frames_fuzz.c - the frames that have reached a VM's old place, from another host
 *
 * An input is what that host sends. What goes to the VM are the frames in it, as they are and in
 * order, up to the first damage. They go into a socket of ours: to send noise through the kernel's
 * own interfaces would be to fuzz the kernel.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "fuzz-glib.h"
#include "pair/frames.h"
#include "region/record.h"

#define FRAME 1 /* the type of a record that holds one */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_quiet_glib();
    return 0;
}

/* check_arrived() - the frames on the socket are those of the input; some may be lost in the end
 * Return: whether the input is whole.
 */
static bool check_arrived(int fd, const uint8_t *bytes, size_t size)
{
    static uint8_t arrived[1 << 20];
    struct record_reader reader = {bytes, size};
    struct record record;
    int more;

    while ((more = record_next(&reader, &record)) > 0) {
        if (record.type != FRAME)
            continue;

        ssize_t length = recv(fd, arrived, sizeof(arrived), MSG_DONTWAIT);

        CHECK(length < 0 || (length == (ssize_t)record.length &&
                             memcmp(arrived, record.data, record.length) == 0));
    }
    CHECK(recv(fd, arrived, sizeof(arrived), MSG_DONTWAIT) < 0);
    return more == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    g_autoptr(GBytes) frames = g_bytes_new(bytes, size);
    g_autoptr(GError) error = NULL;
    int fds[2];

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);

    gboolean sent = frames_send(fds[0], "dmu0", frames, &error);
    bool whole = check_arrived(fds[1], bytes, size);

    CHECK(sent == (error == NULL));
    CHECK(!sent || whole);
    CHECK(sent || !whole || g_error_matches(error, DMORE_ERROR, DMORE_ERROR_FAILED));
    close(fds[0]);
    close(fds[1]);
    return 0;
}
