/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm-stream.c - keyboard and pointer of the user VM made anew while it runs
 *
 * QEMU's USB bus takes a device away at once, whether the guest drives its controller or not
 * (hw/usb/bus.c: unplug is qdev_simple_device_unplug_cb(), there is no request to the guest), and
 * usb-redir takes its character device along (hw/usb/redirect.c: qemu_chr_fe_deinit(.., true)). The
 * new ones get the names and the place of the old, because a migration looks for them there.
 */
#include <string.h>

#include "base/error.h"
#include "qemu/cmdline.h"
#include "qemu/vm-internal.h"

static char *device_id(guint stream)
{
    return g_strdup_printf("%s-device", cmdline_streams[stream]);
}

gboolean vm_unplug_stream(Vm *vm, guint stream, GError **error)
{
    const char *name = cmdline_streams[stream];
    g_autofree char *device = device_id(stream);
    g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", device);

    /* What is not there has no type. */
    if (qmp_do(vm->qmp, "qom-get",
               g_variant_new_parsed("{'path': <%s>, 'property': <'type'>}", path), NULL))
        return qmp_do(vm->qmp, "device_del", g_variant_new_parsed("{'id': <%s>}", device), error);
    /* A plugging in that has failed half way may have left this; mostly there is none. */
    qmp_do(vm->qmp, "chardev-remove", g_variant_new_parsed("{'id': <%s>}", name), NULL);
    return TRUE;
}

gboolean vm_plug_stream(Vm *vm, guint stream, int fd, GError **error)
{
    const char *name = cmdline_streams[stream];
    g_autofree char *device = device_id(stream);
    g_autofree char *port = g_strdup_printf("%u", STREAM_PORT(stream));
    g_autoptr(JsonNode) passed =
        qmp_execute(vm->qmp, "getfd", g_variant_new_parsed("{'fdname': <%s>}", name), fd, error);

    return passed &&
           qmp_do(vm->qmp, "chardev-add",
                  g_variant_new_parsed("{'id': <%s>, 'backend': <{'type': <'socket'>, 'data':"
                                       " <{'server': <false>, 'addr': <{'type': <'fd'>, 'data':"
                                       " <{'str': <%s>}>}>}>}>}",
                                       name, name),
                  error) &&
           qmp_do(vm->qmp, "device_add",
                  g_variant_new_parsed("{'driver': <'usb-redir'>, 'id': <%s>, 'chardev': <%s>,"
                                       " 'bus': <%s>, 'port': <%s>}",
                                       device, name, STREAM_BUS, port),
                  error);
}
