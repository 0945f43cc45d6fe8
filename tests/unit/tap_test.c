/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap_test.c - a tap interface on a real bridge, in a network name space of its own
 *
 * Needs root; without, everything is skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/sockios.h>
#include <unistd.h>

#include "base/error.h"
#include "pair/tap.h"

#define BRIDGE "testbridge"
#define MAC "52:54:00:12:34:56"

static int control = -1;

static int enter_name_space(void **state)
{
    if (unshare(CLONE_NEWNET) < 0)
        return 0;
    control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return ioctl(control, SIOCBRADDBR, BRIDGE);
}

static struct ifreq ask(const char *name, unsigned long what)
{
    struct ifreq request = {0};

    g_strlcpy(request.ifr_name, name, IFNAMSIZ);
    assert_int_equal(ioctl(control, what, &request), 0);
    return request;
}

static void test_plugged_in(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = NULL;
    struct ifreq own = {0};
    struct ifreq request = {.ifr_name = BRIDGE, .ifr_mtu = 1400};

    if (control < 0)
        skip();
    assert_int_equal(ioctl(control, SIOCSIFMTU, &request), 0);
    int fd = tap_open(BRIDGE, "dmt", MAC, &name, &error);

    if (fd < 0)
        fail_msg("%s", error->message);
    assert_true(g_str_has_prefix(name, "dmt"));

    /* What QEMU asks of a descriptor it is given. */
    assert_int_equal(ioctl(fd, TUNGETIFF, &own), 0);
    assert_string_equal(own.ifr_name, name);
    assert_int_equal(own.ifr_flags & (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR),
                     IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);

    assert_true(ask(name, SIOCGIFFLAGS).ifr_flags & IFF_UP);
    assert_int_equal(ask(name, SIOCGIFMTU).ifr_mtu, 1400);
    assert_int_equal(ask(BRIDGE, SIOCGIFMTU).ifr_mtu, 1400);
    assert_memory_equal(ask(name, SIOCGIFHWADDR).ifr_hwaddr.sa_data, "\xfe\x54\x00\x12\x34\x56", 6);

    /* A port already: it cannot become one again. */
    struct ifreq again = {.ifr_name = BRIDGE, .ifr_ifindex = (int)if_nametoindex(name)};

    assert_int_equal(ioctl(control, SIOCBRADDIF, &again), -1);
    assert_int_equal(errno, EBUSY);

    /* It goes with its descriptor. */
    close(fd);
    assert_int_equal(if_nametoindex(name), 0);
}

static void test_several(void **state)
{
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    if (control < 0)
        skip();
    int fds[] = {tap_open(BRIDGE, "dmt", MAC, &first, NULL),
                 tap_open(BRIDGE, "dmt", MAC, &second, NULL)};

    assert_true(fds[0] >= 0 && fds[1] >= 0);
    assert_string_not_equal(first, second);
    close(fds[0]);
    close(fds[1]);
}

static void test_no_bridge(void **state)
{
    static const struct {
        const char *bridge;
        const char *says;
    } rows[] = {
        {"nosuchbridge", "cannot find the bridge nosuchbridge"},
        {"lo", "it is not a bridge"},
    };

    if (control < 0)
        skip();
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;

        assert_int_equal(tap_open(rows[i].bridge, "dmt", MAC, NULL, &error), -1);
        assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_HOST));
        if (!strstr(error->message, rows[i].says))
            fail_msg("\"%s\" does not say \"%s\"", error->message, rows[i].says);
    }
    assert_int_equal(if_nametoindex("dmt0"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plugged_in),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_no_bridge),
    };

    return cmocka_run_group_tests(tests, enter_name_space, NULL);
}
