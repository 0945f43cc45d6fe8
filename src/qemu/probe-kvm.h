/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe-kvm.h - whether KVM really runs a guest here
 */
#ifndef DMORE_QEMU_PROBE_KVM_H
#define DMORE_QEMU_PROBE_KVM_H

#include <glib.h>

/* probe_kvm() - run a trial guest
 * @binary: absolute path of QEMU
 * @note: set to NULL, or to a sentence telling why KVM is there and cannot be used; free with
 *	  g_free()
 */
gboolean probe_kvm(const char *binary, char **note);

#endif
