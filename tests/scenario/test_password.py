# SPDX-License-Identifier: GPL-2.0-or-later
"""A console asks for its password unless the file says that it must not."""

import json
import os
import subprocess

import pytest

from lab import Client, Pair
from lab.pair import dmore

PASSWORD = "open sesame"


@pytest.fixture(scope="module")
def guarded(lab):
    pair = Pair(lab, "guarded", 70, user_vm={"memory": "64M"}, console={"auth": None, "password": PASSWORD})
    pair.up(lab.a)
    yield pair
    pair.down()


@pytest.fixture
def authority(lab, guarded):
    """The console's certificate, as a client sees it."""
    script = ("import socket,ssl,sys\n"
              "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
              "f = s.makefile('rwb', buffering=0)\n"
              "f.write(f.read(12))\n"  # the version
              "types = f.read(f.read(1)[0]); assert 19 in types, list(types)\n"
              "f.write(bytes([19])); f.read(2); f.write(bytes([0, 2])); f.read(1)\n"
              "f.read(4 * f.read(1)[0])\n"
              "f.write((262).to_bytes(4, 'big')); assert f.read(1) == b'\\1'\n"  # X509Plain
              "c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE\n"
              "t = c.wrap_socket(s)\n"
              "print(ssl.DER_cert_to_PEM_cert(t.getpeercert(binary_form=True)))\n")
    pem = subprocess.run(lab.client_command(["/usr/bin/python3", "-c", script, guarded.address, str(guarded.port)]),
                         check=True, stdout=subprocess.PIPE).stdout
    path = lab.directory / "console.pem"
    path.write_bytes(pem)
    return path


def connect(lab, pair, authority, user, password):
    return Client(lab, pair.address, pair.port,
                  ["--authority", str(authority), "--user", user, "--password", password], "guarded")


def console_data(pair):
    return json.loads(dmore(pair.host, "console", pair.name, "--json"))


def test_console_tells_the_password(guarded):
    data = console_data(guarded)
    assert data["auth"] == "password"
    assert data["password"] == PASSWORD
    assert data["address"] == [guarded.address]


def test_right_password_and_a_move(lab, guarded, authority):
    """TLS and its keys move with Domain R: the session goes on, as the firmware's blinking cursor shows,
    and a new one is let in as before."""
    user = console_data(guarded)["user"]
    client = connect(lab, guarded, authority, user, PASSWORD)
    guarded.migrate()
    before = lab.directory / "before.ppm"
    client.picture().write_ppm(before)
    client.do(f"differs {before} 10000")
    assert not client.disconnected()
    second = connect(lab, guarded, authority, user, PASSWORD)
    second.close()
    client.close()


@pytest.mark.parametrize("password", ["", "open sesam", PASSWORD.upper()])
def test_wrong_password_is_refused(lab, guarded, authority, password):
    with pytest.raises(TimeoutError):
        connect(lab, guarded, authority, console_data(guarded)["user"], password)


def test_nobody_gets_in_without_a_password(lab, guarded):
    with pytest.raises(TimeoutError):
        Client(lab, guarded.address, guarded.port, [], "stranger")


def test_only_the_wanted_port_listens(lab, guarded):
    """Every TCP port of Domain R is tried; one of them answers."""
    script = ("import socket,sys\n"
              "for port in range(1, 65536):\n"
              "    s = socket.socket()\n"
              "    if s.connect_ex((sys.argv[1], port)) == 0: print(port)\n"
              "    s.close()\n")
    output = subprocess.run(lab.client_command(["/usr/bin/python3", "-c", script, guarded.address]),
                            check=True, stdout=subprocess.PIPE, text=True, env=os.environ).stdout
    assert output.split() == [str(guarded.port)]
