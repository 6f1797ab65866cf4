# SPDX-License-Identifier: Apache-2.0
"""The `baiye` command: users that a real broker obeys, certificates that a real client accepts, and
questions to the daemon."""
import json
import os
import pathlib
import pwd
import re
import shutil
import ssl
import stat
import subprocess
import tempfile

import pytest

import garden
from test_http import ROOT, Gateway, broker, folder, gateway, free_port, wait_for  # noqa: F401
from webclient import connect, request

NOBODY = pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid
BUILD = pathlib.Path(os.environ.get("BAIYE_BUILD", ROOT / "build"))
BAIYE = next((p for p in (BUILD / "bin/baiye", ROOT / "build/debug/bin/baiye") if p.exists()),
             BUILD / "bin/baiye")


def baiye(*arguments, code=0, stdin=""):
    done = subprocess.run([BAIYE, *map(str, arguments)], input=stdin, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


def test_every_command_says_what_it_is_for():
    listed = baiye("--help").stdout
    names = [line.split()[0] for line in listed.splitlines() if re.match(r"  [a-z]+ ", line)]
    assert len(names) >= 15
    for name in names:
        told = baiye(name, "--help")
        assert told.stderr == "" and re.match(rf"[Uu]sage: baiye {name}|.*\n? *baiye {name}|"
                                              r"Usage: baiye backup", told.stdout), told.stdout


def test_what_the_shipped_configuration_has_in_comments_holds(tmp_path):
    """A family takes the leading # off, as the file and the README say."""
    shipped = (ROOT / "gateway/packaging/baiye.yaml").read_text()
    assert "\n# plots:\n#   - {" in shipped and "\n# http: {" in shipped
    text = shipped.replace("\nhttp: {", "\n# was: {").replace("\n# http: {", "\nhttp: {")
    text = text.replace("\n# plots:\n#   -", "\nplots:\n  -")
    for example in (shipped, text):
        (tmp_path / "gw.pass").write_text("x\n")
        (tmp_path / "tls").mkdir(exist_ok=True)
        for name in ("server.pem", "server.key"):
            (tmp_path / "tls" / name).write_text("")
        (tmp_path / "baiye.yaml").write_text(example)
        told = baiye("check", "--config", tmp_path / "baiye.yaml", "--profiles",
                     ROOT / "gateway/profiles")
        assert "node-1" in told.stdout or "east" in told.stdout


# --- check: what the service's user can use, not what root can ---

PLACES = """
site: hill
store: {{ path: {at}/data/readings.db, max_size: 64MB }}
http: {{ listen: '127.0.0.1:{port}', app_dir: {at}/app }}
mqtt:
  - {{ name: local, url: 'mqtt://127.0.0.1:1883', user: gateway, password_file: gw.pass }}
notify:
  - {{ name: chat, wecom: {{ key_file: chat.key }} }}
plots:
  - {{ name: upper, devices: [plot-1] }}
  - {{ name: lower, devices: [{lower}] }}
buses:
  - name: east
    port: {tty}
    baud: 9600
    devices:
      - {{ name: plot-1, profile: baiye-node, address: 1, every: 60s }}
      - {{ name: plot-2, profile: baiye-node, address: 2, every: 60s }}
"""


@pytest.fixture
def places():
    """A site that user nobody can use in all its parts, and a pty as its port."""
    at = pathlib.Path(tempfile.mkdtemp(dir="/var/tmp"))
    master, slave = os.openpty()
    tty = os.ttyname(slave)
    os.chown(tty, *NOBODY)
    for folder, mode in ((at, 0o755), (at / "app", 0o755), (at / "data", 0o700)):
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)
    (at / "app/index.html").write_text("<p>")
    for name in ("gw.pass", "chat.key"):
        (at / name).write_text("x" * 40 + "\n")
        os.chown(at / name, *NOBODY)
        (at / name).chmod(0o600)
    os.chown(at / "data", *NOBODY)

    def write(**other):
        text = PLACES.format(**{"at": at, "port": 8080, "lower": "plot-2", "tty": tty} | other)
        (at / "baiye.yaml").write_text(text)
        (at / "baiye.yaml").chmod(0o644)
        return at
    write()
    yield write
    os.close(master)
    os.close(slave)
    shutil.rmtree(at)


def check_as_nobody(at, code):
    return baiye("check", "--config", at / "baiye.yaml", "--profiles", ROOT / "gateway/profiles",
                 "--user", "nobody", code=code)


def test_what_the_service_can_use_passes(places):
    told = check_as_nobody(places(), 0)
    assert "broken:" not in told.stdout and "stands in plots" not in told.stdout


@pytest.mark.parametrize("what, said", [
    ("config", "baiye.yaml:1: .*Permission denied"),
    ("gw.pass", "broken: broker local: .*/gw.pass: Permission denied"),
    ("chat.key", "broken: notify chat: .*/chat.key: Permission denied"),
    ("gw.pass is a folder", "broken: broker local: .*/gw.pass: .*no file"),
    ("gw.pass is gone", "note: broker local: .*/gw.pass: No such file"),
    ("app", "broken: http: app_dir: .*/app/index.html: Permission denied"),
    ("no app in it", "broken: http: app_dir: .*/app/index.html: No such file"),
    ("data", "broken: store: folder .*/data: Permission denied"),
    ("no folder", "broken: store: folder .*/gone: No such file"),
    ("readings", "broken: store: .*/readings.db: Permission denied"),
    ("port", "broken: http: listen: port 80 "),
    ("address", "broken: http: listen: 192.0.2.1 is no address of this machine"),
    ("tty", "broken: bus east: /dev/pts/.*: Permission denied"),
    ("tty is a file", "broken: bus east: .*/gw.pass is no serial port"),
    ("tty is another device", "broken: bus east: /dev/null is no serial port"),
    ("direction", "broken: bus east: rs485: kernel: the driver of /dev/pts/.* can't switch .*leave rs485 out"),
])
def test_check_refuses_what_the_service_can_not_use(places, what, said):
    at = places()
    if what == "config":
        (at / "baiye.yaml").chmod(0o600)
    elif what in ("gw.pass", "chat.key", "app", "data"):
        os.chown(at / what, 0, 0)
        (at / what).chmod(0o700)
    elif what == "gw.pass is a folder":
        (at / "gw.pass").unlink()
        (at / "gw.pass").mkdir()
    elif what == "gw.pass is gone":
        (at / "gw.pass").unlink()
    elif what == "no app in it":
        (at / "app/index.html").unlink()
    elif what == "readings":
        (at / "data/readings.db").write_text("")
        (at / "data/readings.db").chmod(0o600)
    elif what == "no folder":
        text = (at / "baiye.yaml").read_text()
        (at / "baiye.yaml").write_text(text.replace("/data/", "/gone/"))
    elif what == "port":
        places(port=80)
    elif what == "address":
        text = (at / "baiye.yaml").read_text()
        (at / "baiye.yaml").write_text(text.replace("'127.0.0.1:8080'", "'192.0.2.1:8080', "
                                                    "cert_file: gw.pass, key_file: gw.pass"))
    elif what == "tty":
        tty = re.search("port: (/dev/pts/.*)", (at / "baiye.yaml").read_text())[1]
        os.chown(tty, 0, 0)
        os.chmod(tty, 0o600)
    elif what == "tty is a file":
        places(tty=at / "gw.pass")
    elif what == "tty is another device":
        places(tty="/dev/null")
    elif what == "direction":
        text = (at / "baiye.yaml").read_text()
        (at / "baiye.yaml").write_text(text.replace("baud: 9600", "rs485: kernel"))
    told = check_as_nobody(at, 78 if what == "config" else 1)
    assert re.search(said, told.stdout + told.stderr), told


@pytest.mark.parametrize("lang, group, move, name", [
    ("C", "0600: give it sudo chgrp nogroup and sudo chmod 0640", "0700: move the file", "correct its name"),
    ("zh_CN.UTF-8", "0600：请对它运行 sudo chgrp nogroup 和 sudo chmod 0640", "请把文件移到", "请改正它的名字")])
def test_what_to_do_about_a_file_fits_why_it_can_not_be_read(places, monkeypatch, lang, group, move, name):
    at = places()
    monkeypatch.setenv("LANG", lang)
    monkeypatch.delenv("LC_ALL", raising=False)
    (at / "baiye.yaml").chmod(0o600)
    assert group in check_as_nobody(at, 78).stderr
    at.chmod(0o700)
    assert move in check_as_nobody(at, 78).stderr
    at.chmod(0o755)
    (at / "baiye.yaml").chmod(0o644)
    for what in ("gw.pass", "chat.key"):
        os.chown(at / what, 0, 0)
    (at / "gw.pass").chmod(0o600)
    (at / "chat.key").unlink()
    said = check_as_nobody(at, 1).stdout
    assert group in said and name in said


def test_a_profile_that_can_not_be_read_is_not_taken_for_the_packages(places):
    at = places()
    profiles = at / "profiles"
    shutil.copytree(ROOT / "gateway/profiles", profiles)
    (profiles / "baiye-node.yaml").chmod(0o600)
    told = baiye("check", "--config", at / "baiye.yaml", "--profiles", profiles, "--user", "nobody", code=78)
    assert "profiles/baiye-node.yaml:1: can't read the file: Permission denied; user nobody" in told.stderr


def test_a_closed_folder_of_profiles_is_not_passed_over(places):
    """What is in it may be any profile; the package's must not take its place in silence."""
    at = places()
    profiles, file = at / "profiles", at / "baiye.yaml"
    file.write_text(file.read_text() + "profiles: profiles\n")
    said = check_as_nobody(at, 0).stdout
    assert "profiles: No such file or directory: only the package's are used" in said
    shutil.copytree(ROOT / "gateway/profiles", profiles)
    check_as_nobody(at, 0)
    lines = len(file.read_text().splitlines())
    for mode in (0o700, 0o711, 0o744):
        profiles.chmod(mode)
        told = check_as_nobody(at, 78).stderr
        assert f"baiye.yaml:{lines}: profiles: can't look into" in told and "chgrp -R nogroup" in told
    shutil.rmtree(profiles)
    profiles.write_text("")
    assert "name the folder that the profiles are in" in check_as_nobody(at, 78).stderr


def test_check_says_what_can_not_be_used_in_the_readers_language(places, monkeypatch):
    at = places()
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    text = (at / "baiye.yaml").read_text()
    (at / "baiye.yaml").write_text(text.replace("baud: 9600", "rs485: kernel"))
    told = check_as_nobody(at, 1)
    assert "不会切换 RS-485 收发方向" in told.stdout and "请去掉 rs485" in told.stdout


def test_check_names_in_the_readers_language_whose_file_it_is(places, monkeypatch):
    at = places()
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    (at / "gw.pass").unlink()
    told = check_as_nobody(at, 1)
    assert "消息服务器 local：" in told.stdout and "broker local：" not in told.stdout, told.stdout


def test_check_of_a_bus_without_devices_computes_nothing(tmp_path):
    (tmp_path / "b.yaml").write_text(
        f"site: empty\nlocation: {{ lat: 26.5, lon: 107.9, timezone: Asia/Shanghai }}\n"
        f"store: {{ path: {tmp_path}/r.db }}\n"
        "buses:\n  - { name: east, type: tcp, port: '127.0.0.1:502', devices: [] }\n")
    told = subprocess.run([garden.program("baiyed"), "--check", "--config", tmp_path / "b.yaml"],
                          capture_output=True, text=True, timeout=60, env={**os.environ, "LC_ALL": "C"})
    assert told.returncode == 0, told
    assert "1 bus, 0 devices" in told.stdout and "baiye commission east" in told.stdout
    assert "0.00 s" not in told.stdout


@pytest.mark.parametrize("name", ["baiyed", "baiye-led"])
def test_what_the_programs_say_to_who_typed_them_is_in_the_readers_language(name):
    for words in ([], ["--help"], ["--nonsense"]):
        told = subprocess.run([garden.program(name), *words], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "LC_ALL": "zh_CN.UTF-8"})
        assert told.returncode == (0 if words == ["--help"] else 64)
        assert re.search("[\u4e00-\u9fff]", told.stdout + told.stderr), told


def test_check_notes_a_device_in_two_plots(places):
    told = check_as_nobody(places(lower="plot-1"), 0)
    assert "note: device plot-1 stands in plots upper and lower" in told.stdout


@pytest.fixture
def site(tmp_path):
    """A folder with a configuration, its own account made."""
    port = free_port()
    (tmp_path / "baiye.yaml").write_text(f"""
site: hill
store: {{ path: {tmp_path}/readings.db, max_size: 64MB }}
mqtt:
  - {{ name: local, url: mqtt://127.0.0.1:{port}, user: gateway, password_file: gw.pass }}
buses:
  - name: east
    type: tcp
    port: 127.0.0.1:502
    devices:
      - {{ name: plot-1, profile: baiye-node, address: 1, every: 60s }}
""")
    baiye("user", "init", "--config", tmp_path / "baiye.yaml")
    return tmp_path, port


@pytest.fixture
def running(site):
    """A broker with the files that `baiye user` wrote."""
    path, port = site
    (path / "mosquitto.conf").write_text(
        f"user root\nlistener {port} 127.0.0.1\nallow_anonymous false\n"
        f"password_file {path}/mosquitto.passwd\nacl_file {path}/mosquitto.acl\n")
    baiye("user", "add", "li", "--role", "farmer", "--password-file", "-", "--config",
          path / "baiye.yaml", stdin="tea-leaf-1\n")
    baiye("user", "add", "wang", "--role", "technician", "--password-file", "-", "--config",
          path / "baiye.yaml", stdin="tea-leaf-2\n")
    baiye("user", "add", "gate", "--role", "screen", "--password-file", "-", "--config",
          path / "baiye.yaml", stdin="tea-leaf-3\n")
    process = subprocess.Popen(["mosquitto", "-c", path / "mosquitto.conf"],
                               stderr=subprocess.DEVNULL)
    wait_for(lambda: connect(port).close() or True, "broker")
    yield port, (path / "gw.pass").read_text().strip()
    process.terminate()
    process.wait(120)


def publish(port, user, password, topic):
    """The reason in the CONNACK; 0 when the message was acknowledged (a refused one is, too)."""
    from paho.mqtt import client as mqtt
    done = []
    client = mqtt.Client(client_id=f"t-{user}", protocol=mqtt.MQTTv5)
    client.username_pw_set(user, password)
    client.on_connect = lambda c, u, f, reason, p=None: done.append(reason.value)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        wait_for(lambda: done, "connack")
        if done[0] != 0:
            return done[0]
        info = client.publish(topic, "x", qos=1)
        info.wait_for_publish(5)
        return 0 if info.is_published() else None
    finally:
        client.disconnect()
        client.loop_stop()


def delivered(port, reader, password, subscription, publisher, publisher_password, topic):
    """Does what `publisher` sends to `topic` reach `reader`?"""
    from paho.mqtt import client as mqtt
    got, ready = [], []
    client = mqtt.Client(client_id="reader", protocol=mqtt.MQTTv5)
    client.username_pw_set(reader, password)
    client.on_message = lambda c, u, m: got.append(m.topic)
    client.on_subscribe = lambda c, u, mid, codes, p=None: ready.append(codes)
    client.on_connect = lambda c, u, f, r, p=None: c.subscribe([(subscription, 1), ("end/#", 1),
                                                                 (f"baiye/hill/answer/{reader}/#", 1)])
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        wait_for(lambda: ready, "subscription")
        assert publish(port, publisher, publisher_password, topic) == 0
        # A message that may pass, sent later by the gateway, shows that the first one never comes.
        gateway_password = publish.gateway_password
        assert publish(port, "gateway", gateway_password, f"baiye/hill/answer/{reader}/end") == 0
        wait_for(lambda: f"baiye/hill/answer/{reader}/end" in got, "the last message")
        return topic in got
    finally:
        client.disconnect()
        client.loop_stop()


def test_a_screen_may_do_its_work_and_no_more(running):
    port, secret = running
    publish.gateway_password = secret
    gate, gw, hill = ("gate", "tea-leaf-3"), ("gateway", secret), "baiye/hill"
    for topic in ("gateway/status", "site", "forecast", "alert/frost", "plot/upper/live",
                  "dev/plot-1/live", "answer/gate/1"):
        assert delivered(port, *gate, f"{hill}/#", *gw, f"{hill}/{topic}"), topic
    for topic in ("dev/plot-1/health", "dev/plot-1/v/air_temperature", "readings", "led/preview",
                  "answer/li/1", "rpc/gate/time", "plot/upper/else"):
        assert not delivered(port, *gate, f"{hill}/#", *gw, f"{hill}/{topic}"), topic
    for topic in ("led/preview", "rpc/gate/time", "rpc/gate/history"):
        assert delivered(port, *gw, f"{hill}/#", *gate, f"{hill}/{topic}"), topic
    for topic in ("rpc/gate/write", "rpc/gate/pick", "rpc/gate/ack", "rpc/gate/resend",
                  "rpc/gate/time/x", "rpc/li/time", "answer/gate/1", "gateway/status",
                  "dev/plot-1/live", "alert/frost", "readings", "forecast"):
        assert not delivered(port, *gw, f"{hill}/#", *gate, f"{hill}/{topic}"), topic


def test_the_broker_obeys_the_roles(running):
    port, secret = running
    publish.gateway_password = secret
    li, wang, gw = ("li", "tea-leaf-1"), ("wang", "tea-leaf-2"), ("gateway", secret)
    assert publish(port, "li", "wrong", "x") in (134, 135)
    assert delivered(port, *gw, "baiye/hill/rpc/#", *li, "baiye/hill/rpc/li/time")
    assert not delivered(port, *gw, "baiye/hill/rpc/#", *li, "baiye/hill/rpc/wang/time")
    assert not delivered(port, *gw, "baiye/hill/#", *li, "baiye/hill/dev/plot-1/live")
    assert delivered(port, *li, "baiye/hill/dev/#", *gw, "baiye/hill/dev/plot-1/live")
    assert not delivered(port, *li, "baiye/hill/dev/#", *gw, "baiye/hill/dev/plot-1/health")
    assert delivered(port, *wang, "baiye/hill/dev/#", *gw, "baiye/hill/dev/plot-1/health")
    assert not delivered(port, *li, "baiye/hill/answer/#", *gw, "baiye/hill/answer/wang/1")


def test_files_are_written_for_broker_and_daemon(site):
    path, _ = site
    config = path / "baiye.yaml"
    added = baiye("user", "add", "li", "--role", "farmer", "--config", config)
    password = added.stdout.split("password: ")[1].strip()
    assert len(password) == 12
    baiye("user", "add", "wang", "--role", "technician", "--config", config)
    assert baiye("user", "list", "--config", config).stdout == "li farmer\nwang technician\n"
    hashes = (path / "mosquitto.passwd").read_text()
    assert [line.split(":")[0] for line in hashes.splitlines()] == ["gateway", "li", "wang"]
    assert password not in hashes and "$7$" in hashes
    for name in ("mosquitto.passwd", "mosquitto.acl", "users", "gw.pass"):
        assert stat.S_IMODE(os.stat(path / name).st_mode) == 0o640
    baiye("user", "add", "li", "--role", "technician", "--config", config)
    assert "li technician" in baiye("user", "list", "--config", config).stdout
    baiye("user", "remove", "li", "--config", config)
    assert "li" not in (path / "mosquitto.acl").read_text().split()
    assert [line.split(":")[0] for line in (path / "mosquitto.passwd").read_text().splitlines()] \
        == ["gateway", "wang"]
    first = (path / "gw.pass").read_text()
    baiye("user", "init", "--config", config)
    assert (path / "gw.pass").read_text() == first
    assert not [p for p in path.iterdir() if ".new-" in p.name or ".hash-" in p.name]


def test_a_new_user_scans_the_way_in(site, tmp_path):
    path, _ = site
    config = path / "invite.yaml"
    plain = (path / "baiye.yaml").read_text()
    config.write_text(plain)
    add = ["user", "add", "li", "--role", "farmer", "--qr", "--config", config]
    assert "certificate" in baiye(*add, code=78).stderr  # nothing says where phones reach it
    assert not (path / "users").exists() or "li " not in (path / "users").read_text()
    baiye("cert", "--host", "127.0.0.1", "--host", "localhost", "--host", "192.168.7.2",
          "--dir", tmp_path / "tls")
    config.write_text(f"{plain}\nhttp: {{ listen: 0.0.0.0:8443, cert_file: {tmp_path}/tls/server.pem,"
                      f" key_file: {tmp_path}/tls/server.key }}\n")
    told = baiye(*add).stdout
    way_in = re.search(r"^https://192\.168\.7\.2:8443/#/join/li/([a-z0-9]{24})$", told, re.M)
    assert way_in and "\u2588" in told and "password:" not in told
    assert way_in[1] not in (path / "mosquitto.passwd").read_text()
    assert "li farmer" in baiye("user", "list", "--config", config).stdout
    again = baiye("user", "passwd", "li", "--qr", "--address", "https://tea.example/", "--config",
                  config).stdout
    assert re.search(r"^https://tea\.example/#/join/li/[a-z0-9]{24}$", again, re.M)
    for wrong in ("http://tea.example", "tea.example", "https://", "https://tea.example/#x"):
        baiye(*add, "--address", wrong, code=78)
    baiye(*add, "--password-file", "-", code=64)


@pytest.mark.parametrize("arguments, code", [
    (["user", "add", "Li", "--role", "farmer"], 64), (["user", "add", "li"], 64),
    (["user", "add", "li", "--role", "king"], 64), (["user", "remove", "nobody"], 67),
    (["user", "add", "gateway", "--role", "farmer"], 64), (["user"], 64), (["user", "x"], 64),
])
def test_wrong_users_are_refused(site, arguments, code):
    path, _ = site
    before = {p.name: p.read_bytes() for p in path.iterdir()}
    done = baiye(*arguments, "--config", path / "baiye.yaml", code=code)
    assert done.stderr
    assert {p.name: p.read_bytes() for p in path.iterdir()} == before


def test_short_and_broken_passwords_are_refused(site):
    path, _ = site
    for password in ("short\n", "\n", ""):
        baiye("user", "add", "li", "--role", "farmer", "--password-file", "-", "--config",
              path / "baiye.yaml", code=65, stdin=password)


def test_the_certificate_is_accepted_and_rotated(tmp_path, folder, broker):  # noqa: F811
    tls = tmp_path / "tls"
    first = baiye("cert", "--host", "127.0.0.1", "--host", "localhost", "--dir", tls, "--site",
                  "hill", "--port", "8443")
    assert "https://127.0.0.1:8443/ca.crt" in first.stdout and "\u2588" in first.stdout
    ca, key = (tls / "ca.pem").read_bytes(), (tls / "server.key").read_bytes()
    assert stat.S_IMODE(os.stat(tls / "ca.key").st_mode) == 0o600
    context = ssl.create_default_context(cafile=str(tls / "ca.pem"))
    gateway = Gateway(folder, broker.port, (tls / "server.pem", tls / "server.key"))  # noqa: F811
    try:
        answer = wait_for(lambda: request(gateway.port, "/ca.crt", context=context), "answer")
        assert answer.status == 200 and answer.body == ca
        assert answer.headers["content-type"] == "application/x-x509-ca-cert"
    finally:
        gateway.stop()
    baiye("cert", "--host", "127.0.0.1", "--dir", tls)
    assert (tls / "ca.pem").read_bytes() == ca and (tls / "server.key").read_bytes() != key
    assert {p.name for p in tls.iterdir()} <= {"ca.pem", "ca.key", "ca.srl", "server.pem",
                                               "server.key"}
    baiye("cert", code=64)
    baiye("cert", "--host", "a/b", "--dir", tls, code=64)


def test_questions_to_the_daemon(gateway, folder, monkeypatch):  # noqa: F811
    at = ["--socket", folder / "control.sock"]
    assert "plot-1" in baiye("devices", *at).stdout
    assert "bus     east" in baiye("stats", *at).stdout
    assert json.loads(baiye("stats", "--json", *at).stdout)["store"]["taken"] == 12
    assert "device  plot-1, " in baiye("stats", "plot-1", *at).stdout
    assert "late_answers" in json.loads(baiye("stats", "plot-1", "--json", *at).stdout)
    assert "no device \"plot-9\"" in baiye("stats", "plot-9", *at, code=1).stderr
    assert "0x0000" in baiye("read", "plot-1", "0x0", "2", *at).stdout
    assert baiye("raw", "east", "1", "0300000001", *at).stdout.startswith("03020000")
    assert "unit 2 answers" in baiye("scan", "east", "1", "4", *at).stdout
    assert "2 found" in baiye("scan", "east", "1", "4", *at).stdout
    assert "polling rests and the port is free" in baiye("pause", "east", "5", *at).stdout
    assert baiye("resume", "east", *at).stdout == "polling goes on\n"
    assert "pause a bus, bus east, seconds 5: ok" in baiye("audit", "5", *at).stdout
    with monkeypatch.context() as chinese:
        chinese.setenv("LC_ALL", "zh_CN.UTF-8")
        assert "暂停总线，总线 east，秒数 5：正常" in baiye("audit", "5", *at).stdout
        assert "在地址 1" in baiye("audit", "9", *at).stdout
    assert "nothing that may be written" in baiye("write", "plot-1", "x", "1", *at, code=1).stderr
    assert "`baiye alert list`" in baiye("alert", "ack", "frost-9", *at, code=1).stderr
    assert "no way to people yet" in baiye("alert", "test", *at, code=1).stderr
    assert 'no bus "west"' in baiye("scan", "west", *at, code=1).stderr
    assert "whole number" in baiye("pause", "east", "five", *at, code=64).stderr
    assert "no gateway" in baiye("stats", "--socket", folder / "nothing", code=69).stderr


def test_help_of_a_command_is_asked_for_in_three_ways():
    told = baiye("doctor", "--help").stdout
    assert "Usage: baiye doctor" in told
    assert baiye("help", "doctor").stdout == told == baiye("doctor", "-h").stdout
    assert 'no command "dictor"' in baiye("help", "dictor", code=64).stderr


def test_help_and_nonsense():
    assert "  user  " in baiye("--help").stdout
    assert baiye("--version").stdout.startswith("baiye ")
    baiye(code=64)
    assert "no command" in baiye("fly", code=64).stderr
    for said, meant in (("status", "stats"), ("devcies", "devices"), ("users", "user")):
        assert f'did you mean "baiye {meant}"?' in baiye(said, code=64).stderr
    assert "baiye check --config garden.yaml" in baiye("check", "garden.yaml", code=64).stderr
    for command in ("read", "write", "scan", "user", "cert", "backup", "restore"):
        assert "Usage" in baiye(command, "--nonsense", code=64).stderr
