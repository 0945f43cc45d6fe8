# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that is reset starts anew; the console and its connection stay."""

from conftest import Bench


def test_console_goes_on_when_the_guest_is_reset(lab):
    bench = Bench(lab, "reset", 42)
    client = bench.client()
    mark = bench.guest.mark()
    bench.pair.user_vm_monitor("system_reset")
    bench.guest.await_devices(mark)
    mark = bench.guest.mark()
    client.type("again")
    assert bench.guest.await_typed(5, since=mark) == b"again"
    assert not client.disconnected()
    bench.pair.migrate()
    client.type("!")
    assert bench.guest.await_typed(6, since=mark) == b"again!"
    client.close()
    bench.close()
