# SPDX-License-Identifier: Apache-2.0
"""The LED screen as those see it who stand before it: what arrives at the panel over UDP."""
import io
import pathlib
import re
import signal
import subprocess
import time
import zlib

import pytest

import garden
import ledscreen
from ledscreen import CAUTION, colors, shows_number

WIDTH, HEIGHT = 128, 64


class Screen:
    def __init__(self, site, **more):
        self.site = site
        self.broker = ledscreen.start_broker(site)
        self.panel = ledscreen.Receiver(WIDTH, HEIGHT)
        self.sender = ledscreen.Sender(self.broker)
        self.sender.send("gateway/status", "online")
        self.sender.send("site", {"plots": {"upper": {"label": "上坡"}}})
        outputs = more.pop("outputs", None) or [
            {"type": "ddp", "to": f"127.0.0.1:{self.panel.port}"}]
        self.led = site.add(ledscreen.Led(site.folder, self.broker, outputs, **more))
        self.panel.clock = garden.FairClock(self.led, self.broker)

    def start(self):
        self.led.start()
        self.panel.wait(lambda _: True, 10, "the first picture")

    def settled(self, value, every_s=60):
        """Publishes, and gives what stands below the title once the value is there."""
        before = self.panel.newest()
        began = self.panel.clock()
        self.sender.air(value, every_s)
        _, frame = self.panel.wait(
            lambda f: shows_number(f) and self.panel.body(f) != self.panel.body(before), 5,
            f"{value} on the screen", since=began)
        return self.panel.body(frame)

    def stop(self):
        self.sender.stop()
        self.panel.stop()


@pytest.fixture
def screen(site, needs):
    needs("baiye-led")
    made = Screen(site)
    yield made
    made.stop()
    assert made.panel.wrong == []


def test_every_packet_keeps_the_protocol_and_frames_never_stop_for_a_second(screen):
    screen.start()
    screen.sender.air(18.2)
    deadline = time.monotonic() + 4
    screen.panel.wait(lambda _: time.monotonic() > deadline, 6, "four seconds of pictures")
    passed = time.monotonic() - deadline + 4
    times = [at for at, _ in screen.panel.frames]
    assert max(b - a for a, b in zip(times, times[1:])) <= 1.0
    assert len(times) < passed * 6, "pictures are sent only when something changed, or to keep alive"
    assert screen.panel.wrong == []


def test_a_changed_value_is_shown_within_a_second(screen):
    screen.start()
    first, second = screen.settled(18.2), screen.settled(19.7)
    assert first != second
    for value, body in ((18.2, first), (19.7, second), (18.2, first)):
        began = screen.panel.clock()
        screen.sender.air(value)
        at, _ = screen.panel.wait(lambda f, b=body: screen.panel.body(f) == b, 5,
                                  f"{value} on the screen", since=began)
        assert at - began <= 1.0


def test_an_old_value_is_dashes(screen):
    screen.start()
    began, measured = screen.panel.clock(), time.monotonic()
    screen.settled(18.2, every_s=1)
    at, frame = screen.panel.wait(lambda f: not shows_number(f), 6, "the value goes",
                                  since=screen.panel.clock())
    assert at - began <= 4.0 and time.monotonic() - measured >= 2.0
    assert CAUTION in colors(screen.panel.body(frame)), "its age stands there"


def test_gateway_offline_is_told_at_once(screen):
    screen.start()
    screen.settled(18.2)
    began = screen.panel.clock()
    screen.sender.send("gateway/status", "offline")
    at, frame = screen.panel.wait(lambda f: not shows_number(f), 5, "no value", since=began)
    assert at - began <= 1.0
    assert CAUTION in colors(frame)
    screen.sender.send("gateway/status", "online")
    screen.panel.wait(shows_number, 2, "the value is back", since=screen.panel.clock())


def test_broker_killed_and_back(screen):
    screen.start()
    screen.settled(18.2, every_s=2)
    began = screen.panel.clock()
    screen.broker.kill()
    _, frame = screen.panel.wait(lambda f: not shows_number(f), 9, "the value goes", since=began)
    assert CAUTION in colors(frame[:WIDTH * 12 * 3]), "the title says that there is no broker"
    times = [at for at, _ in screen.panel.frames if at > began]
    assert max(b - a for a, b in zip(times, times[1:])) <= 1.0, "the screen goes on without it"
    screen.broker.start()
    garden.wait_until(screen.sender.client.is_connected, 10, "the sender is back")
    restarted = screen.panel.clock()
    screen.sender.send("gateway/status", "online")
    screen.sender.air(18.2)
    at, _ = screen.panel.wait(shows_number, 45, "the value is back", since=restarted)
    assert at - restarted <= 40, "longest back-off and 10 s"


def test_first_picture_after_a_freeze_is_true(screen):
    screen.start()
    screen.settled(18.2, every_s=1)
    screen.led.signal(signal.SIGSTOP)
    stopped = time.monotonic()
    garden.wait_until(lambda: time.monotonic() - stopped > 3.5, 5, "the value has aged")
    count = len(screen.panel.frames)
    screen.led.signal(signal.SIGCONT)
    screen.panel.wait(lambda _: len(screen.panel.frames) > count, 5, "a picture after the freeze")
    assert not any(shows_number(frame) for _, frame in screen.panel.frames[count:count + 3])


def test_a_thousand_messages_a_second(screen):
    screen.start()
    last = screen.settled(27.7)
    screen.settled(11.1)
    count = len(screen.panel.frames)
    began = time.monotonic()
    sent = 0
    while (passed := time.monotonic() - began) < 3 or sent < 3000:
        while sent < 1000 * (time.monotonic() - began):
            screen.sender.send("plot/upper/live", '{"ts":%d,"every_s":60,"values":{"air_temperature":'
                               '%d.%d}}' % (time.time() * 1000, sent % 30, sent % 10), qos=0)
            sent += 1
        assert screen.led.running()
        time.sleep(0.002)
    frames = len(screen.panel.frames) - count
    assert frames <= 12 * passed, "no more than ten pictures a second"
    ended = screen.panel.clock()
    screen.sender.air(27.7)
    at, _ = screen.panel.wait(lambda f: screen.panel.body(f) == last, 5, "the last value",
                              since=ended)
    assert at - ended <= 1.0


def test_hostile_messages(screen):
    screen.start()
    good = screen.settled(18.2)
    now = int(time.time() * 1000)
    for topic in ("plot/upper/live", "site", "forecast", "alert/x", "gateway/status",
                  "answer/led/led-time", "answer/led/led-day-99999999999", "answer/led/x"):
        for payload in ("{", "null", "[" * 5000, '{"ts":1e999}', "\x00", b"\xff\xfe", '"' + "茶" * 3400,
                        '{"ts":%d,"values":7}' % now, '{"what":{"zh":[]}}', "9" * 10000):
            screen.sender.send(topic, payload, retain=False)
    screen.sender.send("alert/long", {"what": "长" * 3400, "where": "W" * 10000, "level": "watch"})
    screen.sender.send("site", {"label": "园" * 3400, "plots": {"upper": {"label": "坡" * 3400}}})
    for i in range(300):
        screen.sender.send(f"alert/many-{i}", {"what": f"{i}", "level": "watch"}, qos=0)
    screen.sender.send("gateway/status", "online")
    began = screen.panel.clock()
    screen.sender.air(18.2)
    screen.panel.wait(lambda f: screen.panel.body(f) == good, 5, "the true value", since=began)
    assert screen.led.running()


def read_png(data):
    """Pixels of an 8-bit RGB PNG; written for this test, so that it shares nothing with libpng."""
    stream = io.BytesIO(data)
    assert stream.read(8) == b"\x89PNG\r\n\x1a\n"
    packed, width, height = b"", 0, 0
    while True:
        length, kind = int.from_bytes(stream.read(4), "big"), stream.read(4)
        body = stream.read(length)
        stream.read(4)
        if kind == b"IHDR":
            width, height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
            assert body[8:10] == b"\x08\x02"
        elif kind == b"IDAT":
            packed += body
        elif kind == b"IEND":
            break
    rows, stride, out, above = zlib.decompress(packed), width * 3, b"", bytearray(width * 3)
    for y in range(height):
        row = bytearray(rows[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        kind = rows[y * (stride + 1)]
        for i in range(stride):
            left = row[i - 3] if i >= 3 else 0
            corner = above[i - 3] if i >= 3 else 0
            base = left + above[i] - corner
            near = sorted((left, above[i], corner), key=lambda v: abs(base - v))
            paeth = next(v for v in (left, above[i], corner) if abs(base - v) == abs(base - near[0]))
            row[i] = (row[i] + (0, left, above[i], (left + above[i]) // 2, paeth)[kind]) & 255
        out, above = out + bytes(row), row
    return width, height, out


def test_preview_is_the_picture_and_is_retained(screen):
    screen.start()
    body = screen.settled(18.2)
    watcher = screen.site.start_watcher()

    def same():
        png = watcher.retained.get("led/preview")
        if not png:
            return False
        width, height, pixels = read_png(png)
        assert (width, height) == (WIDTH, HEIGHT)
        return screen.panel.body(pixels) == body

    garden.wait_until(same, 12, "the preview shows what the panel shows")


def test_clock_and_range_come_from_the_gateway(site, needs):
    needs("baiye-led")
    screen = Screen(site)
    ahead = 7 * 86400 * 1000  # the gateway is right, this machine's clock is a week behind
    screen.sender.answer("time", lambda: {"ts": int(time.time() * 1000) + ahead})
    screen.sender.answer("history", {"t": [], "n": [], "min": [9.3, None, 12.1],
                                     "max": [11.0, None, 21.7], "next": None})
    try:
        screen.start()
        garden.wait_until(lambda: ("time", {}) in screen.sender.asked, 20, "the screen asks")
        screen.sender.air(18.2, ts=int(time.time() * 1000) + ahead)
        screen.panel.wait(shows_number, 5, "a value of the gateway's time is fresh")
        garden.wait_until(lambda: any(method == "history" for method, _ in screen.sender.asked), 10,
                          "it asks for the day")
        request = next(body for method, body in screen.sender.asked if method == "history")
        assert request["plot"] == "upper" and request["metric"] == "air_temperature"
        assert (request["from"] + 8 * 3600000) % 86400000 == 0, "from local midnight"
        range_color = (120, 140, 150)
        screen.panel.wait(lambda f: range_color in colors(f), 5, "the day's range is there")
    finally:
        screen.stop()


def test_framebuffer_and_png_file_show_the_same(site, needs):
    needs("baiye-led")
    device, png = site.folder / "fb", site.folder / "out.png"
    device.write_bytes(bytes((WIDTH + 6) * 4 * (HEIGHT + 2)))
    panel_outputs = [{"type": "framebuffer", "device": str(device), "x": 4, "y": 1,
                      "format": "xrgb8888", "stride": (WIDTH + 6) * 4},
                     {"type": "png", "file": str(png)}]
    screen = Screen(site, outputs=panel_outputs)
    try:
        screen.led.start()
        screen.sender.air(18.2)

        def crop():
            raw, out = device.read_bytes(), b""
            for y in range(HEIGHT):
                at = (y + 1) * (WIDTH + 6) * 4 + 4 * 4
                row = raw[at:at + WIDTH * 4]
                out += b"".join(bytes((row[i + 2], row[i + 1], row[i]))
                                for i in range(0, len(row), 4))
            return out

        def same():
            if not png.exists():
                return False
            pixels = read_png(png.read_bytes())[2]
            return shows_number(pixels) and crop() == pixels

        garden.wait_until(same, 10, "both outputs agree on a true value")
        assert device.read_bytes()[:(WIDTH + 6) * 4] == bytes((WIDTH + 6) * 4), "only inside"
        assert screen.led.stop() == 0
    finally:
        screen.stop()


def test_a_real_gateway_and_its_end(site, needs):
    """From a probe's register to the panel, with nothing in between that the test made up."""
    needs("baiye-led", "baiyed", "baiye-field")
    broker = ledscreen.start_broker(site)
    panel = ledscreen.Receiver(WIDTH, HEIGHT)
    site.start_field([{"name": "east", "baud": 9600, "units": [
        {"kind": "xy-md02", "address": 1, "name": "air-1"}]}])
    site.start_gateway(every="1s", more={"plots": [
        {"name": "upper", "label": "上坡", "area": "1mu", "devices": ["air-1"]}]})
    led = site.add(ledscreen.Led(site.folder, broker,
                                 [{"type": "ddp", "to": f"127.0.0.1:{panel.port}"}]))
    panel.clock = garden.FairClock(led, broker)
    try:
        led.start()
        panel.wait(shows_number, 30, "the probe's value")
        count = len(panel.frames)
        killed = panel.clock()
        site.gateway.kill()
        at, _ = panel.wait(lambda f: not shows_number(f), 10, "it is not true any more",
                           since=killed)
        assert at - killed <= 6
        assert len(panel.frames) > count
    finally:
        panel.stop()
    assert panel.wrong == []


def test_numeric_boards_are_written_through_the_gateway(site, needs):
    needs("baiye-led")
    screen = Screen(site, boards=[{"device": "board-1", "name": "line1", "none": -1,
                                   "value": "plot/upper/air_temperature"}])
    screen.sender.answer("write", {"written": True})

    def written():
        return [request["value"] for method, request in screen.sender.asked if method == "write"]

    try:
        screen.start()
        garden.wait_until(lambda: written() == [-1], 5, "nothing is known yet")
        screen.sender.air(18.21)
        garden.wait_until(lambda: written() == [-1, 182], 5, "the value")
        screen.sender.air(18.2)
        screen.sender.air(19.1)
        garden.wait_until(lambda: written() == [-1, 182, 191], 5, "the next one, and no more")
        screen.sender.send("gateway/status", "offline")
        garden.wait_until(lambda: written()[-1] == -1, 5, "none when it must not be believed")
        request = next(request for method, request in screen.sender.asked if method == "write")
        assert (request["device"], request["name"]) == ("board-1", "line1")
        assert request["expires"] > time.time() * 1000
    finally:
        screen.stop()


def certificate(folder, name, host, issuer=None):
    """A key and a certificate for `host`, signed by `issuer` or by itself."""
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
           "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key"]
    if issuer is None:
        subprocess.run([*new, "-x509", "-days", "2", "-out", folder / f"{name}.pem"], check=True,
                       capture_output=True)
        return
    extension = folder / "extension"
    extension.write_text(f"subjectAltName=DNS:{host}\n")
    subprocess.run([*new, "-out", folder / f"{name}.csr"], check=True, capture_output=True)
    subprocess.run(["openssl", "x509", "-req", "-in", folder / f"{name}.csr", "-days", "2",
                    "-CA", folder / f"{issuer}.pem", "-CAkey", folder / f"{issuer}.key",
                    "-CAcreateserial", "-extfile", extension, "-out", folder / f"{name}.pem"],
                   check=True, capture_output=True)


@pytest.mark.parametrize("host, trusted, let_in", [("localhost", "ca", True),
                                                   ("elsewhere.example", "ca", False),
                                                   ("localhost", "other", False)])
def test_only_the_right_broker_is_believed(site, needs, host, trusted, let_in):
    needs("baiye-led")
    certificate(site.folder, "ca", "")
    certificate(site.folder, "other", "")
    certificate(site.folder, "server", host, issuer="ca")
    broker = ledscreen.start_broker(site)
    broker.stop()
    port = garden.free_port()
    with open(site.folder / "mosquitto.conf", "a", encoding="ascii") as config:
        config.write(f"listener {port} 127.0.0.1\ncertfile {site.folder}/server.pem\n"
                     f"keyfile {site.folder}/server.key\n")
    broker.start()
    panel = ledscreen.Receiver(WIDTH, HEIGHT)
    sender = ledscreen.Sender(broker)
    led = site.add(ledscreen.Led(
        site.folder, broker, [{"type": "ddp", "to": f"127.0.0.1:{panel.port}"}],
        mqtt={"url": f"mqtts://localhost:{port}", "user": "led", "password_file": "led.pass",
              "ca_file": f"{trusted}.pem"}))
    try:
        led.start()
        sender.air(18.2)
        if let_in:
            panel.wait(shows_number, 10, "the value")
        else:
            garden.wait_until(lambda: "its certificate (ca_file, name)" in led.log(), 20, "the refusal is told")
            assert not any(shows_number(frame) for _, frame in panel.frames)
            assert led.running()
    finally:
        sender.stop()
        panel.stop()


def clock_shim(folder):
    source = pathlib.Path(__file__).with_name("clock_step.c")
    library = folder / "clock_step.so"
    subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-o", library,
                    source], check=True)
    return library


@pytest.mark.parametrize("step_s", [-3600, 3600])
def test_clock_step(site, needs, step_s):
    """The local clock is set while the screen runs: with the gateway's time it does not matter, and
    the broker is found again as soon as ever."""
    needs("baiye-led")
    if "libasan" in subprocess.run(["ldd", garden.program("baiye-led")], capture_output=True,
                                   text=True, check=True).stdout:
        pytest.skip("a preloaded clock and AddressSanitizer exclude each other")
    step = site.folder / "step"
    garden.step_clock(step, 0)
    screen = Screen(site, environment={"LD_PRELOAD": str(clock_shim(site.folder)),
                                       "BAIYE_CLOCK_STEP": str(step)})
    screen.sender.answer("time", lambda: {"ts": int(time.time() * 1000)})
    try:
        screen.start()
        body = screen.settled(18.2)
        garden.wait_until(lambda: screen.sender.asked, 20, "the screen asked for the time")
        stepped, deadline = screen.panel.clock(), time.monotonic() + 3
        garden.step_clock(step, step_s)
        screen.panel.wait(lambda _: time.monotonic() > deadline, 5, "three more seconds")
        after = [(at, frame) for at, frame in screen.panel.frames if at > stepped]
        assert max(b[0] - a[0] for a, b in zip(after, after[1:])) <= 1.0
        assert all(screen.panel.body(frame) == body for _, frame in after), "the value stays"
        screen.broker.kill()
        garden.wait_until(lambda: not screen.sender.client.is_connected(), 10, "all know it")
        screen.broker.start()
        garden.wait_until(screen.sender.client.is_connected, 10, "the sender is back")
        restarted = screen.panel.clock()
        screen.sender.send("gateway/status", "online")
        screen.sender.air(19.9)
        at, _ = screen.panel.wait(
            lambda f: shows_number(f) and screen.panel.body(f) != body, 45, "the next value",
            since=restarted)
        assert at - restarted <= 40
    finally:
        screen.stop()


CELL = re.compile(r"\x1b\[(\d*;?\d*)H|\x1b\[38;2;(\d+);(\d+);(\d+)m|\x1b\[48;2;(\d+);(\d+);(\d+)m"
                  r"|(\u2580)|\x1b\[[?0-9;]*[a-zA-Z]")


def read_terminal(text):
    """The picture that a 24-bit terminal would show: a small terminal of our own."""
    pixels = [[(0, 0, 0)] * WIDTH for _ in range(HEIGHT)]
    row = column = 0
    ink = paper = (0, 0, 0)
    end = 0
    for match in CELL.finditer(text):
        assert match.start() == end, f"not understood: {text[end:match.start()]!r}"
        end = match.end()
        place, *numbers, block = match.groups()
        if place is not None:
            row, column = (int(n) - 1 for n in place.split(";"))
        elif numbers[0] is not None:
            ink = tuple(map(int, numbers[:3]))
        elif numbers[3] is not None:
            paper = tuple(map(int, numbers[3:]))
        elif block:
            pixels[2 * row][column], pixels[2 * row + 1][column] = ink, paper
            column += 1
    return b"".join(bytes(pixel) for line in pixels for pixel in line)


def test_terminal_shows_the_picture(site, needs):
    needs("baiye-led")
    png = site.folder / "out.png"
    screen = Screen(site, outputs=[{"type": "terminal"}, {"type": "png", "file": str(png)}])
    try:
        screen.led.start()
        screen.sender.air(18.2)

        def same():
            if not png.exists():
                return False
            before = png.read_bytes()
            shown = read_terminal(re.sub(r"<\d>[^\n]*\n", "", screen.led.log()))
            return shows_number(shown) and png.read_bytes() == before and \
                read_png(before)[2] == shown

        garden.wait_until(same, 10, "the terminal shows what the file shows")
        screen.led.stop()
        assert screen.led.log().rstrip().endswith("\x1b[?25h"), "the cursor is given back"
    finally:
        screen.stop()


def test_mistakes_end_with_78_and_their_line(site, needs):
    needs("baiye-led")
    path = site.folder / "bad.yaml"
    path.write_text("site: a\npages: p.yaml\nmqtt: { user: a, password_file: b }\ncolour: red\n")
    result = subprocess.run([garden.program("baiye-led"), "--config", path, "--check"],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 78
    assert result.stderr.startswith(f"{path}:4: unknown key \"colour\"")
    missing = subprocess.run([garden.program("baiye-led")], capture_output=True, check=False)
    assert missing.returncode == 64
