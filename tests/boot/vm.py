# SPDX-License-Identifier: Apache-2.0
"""A whole machine in QEMU: Debian's kernel, systemd as PID 1, a disk that forgets. The test's hands
in it are tests/boot/agent, at a virtio port; its devices are plugged in by QMP."""
import base64
import json
import os
import pathlib
import socket
import subprocess
import time

MACHINES = {
    "amd64": ["qemu-system-x86_64", "-M", "q35", "-cpu", "max"],
    "arm64": ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72"],
}
BOOT_S = 900    # emulated on a busy machine
ANSWER_S = 930  # the agent itself ends a command after 900 s


class Machine:
    """One boot. `line`: the host's terminal device behind a serial port of the board: on amd64 a PCI
    device's, on arm64 the processor's own (PL011); the console has the other one."""

    def __init__(self, arch, image, folder, payload, line):
        self.arch, self.folder = arch, pathlib.Path(folder)
        image = pathlib.Path(image)
        self.agent, self.buffer, self.qmp_id = None, b"", 0
        arguments = MACHINES[arch] + [
            "-accel", "tcg", "-smp", "2", "-m", "1024", "-display", "none", "-nodefaults",
            "-no-user-config", "-snapshot",
            "-kernel", str(image / "vmlinuz"), "-initrd", str(image / "initrd.img"),
            "-append", "root=/dev/vda rw console=ttyS0 panic=-1",
            "-drive", f"file={image / 'disk.img'},format=raw,if=virtio,cache=unsafe",
            "-drive", f"file={payload},format=raw,if=virtio,readonly=on",
            "-nic", "user,model=virtio-net-pci",
            "-chardev", f"file,id=console,path={self.folder / 'console.log'}",
            "-chardev", f"serial,id=line,path={line}",
            "-serial", f"chardev:{'line' if arch == 'arm64' else 'console'}",
            "-device", f"pci-serial,chardev={'console' if arch == 'arm64' else 'line'}",
            "-qmp", f"unix:{self.folder / 'qmp'},server=on,wait=off",
            "-device", "virtio-serial-pci",
            "-chardev", "null,id=hypervisor", "-device", "virtconsole,chardev=hypervisor",
            "-chardev", f"socket,id=agent,path={self.folder / 'agent'},server=on,wait=off",
            "-device", "virtserialport,chardev=agent,name=baiye.test",
            "-device", "qemu-xhci,id=usb",
        ]
        with open(self.folder / "qemu.log", "ab") as log:
            self.child = subprocess.Popen(["setpriv", "--pdeathsig", "KILL"] + arguments, stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, start_new_session=True,
                                          env=dict(os.environ, TMPDIR=str(self.folder)))

    def log(self):
        return "".join((self.folder / name).read_text(errors="replace")
                       for name in ("qemu.log", "console.log") if (self.folder / name).exists())

    def _connect(self, name, deadline):
        while True:
            assert self.child.poll() is None, f"QEMU ended: {self.log()[-2000:]}"
            try:
                client = socket.socket(socket.AF_UNIX)
                client.connect(str(self.folder / name))
                return client
            except OSError:
                client.close()
                assert time.monotonic() < deadline, f"no socket {name} of QEMU"
                time.sleep(0.1)

    def boot(self):
        """Until the agent says that it is there."""
        deadline = time.monotonic() + BOOT_S
        self.agent = self._connect("agent", deadline)
        assert self._line(BOOT_S) == "ready"

    def _line(self, seconds):
        deadline = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            self.agent.settimeout(max(0.1, deadline - time.monotonic()))
            try:
                more = self.agent.recv(65536)
            except TimeoutError:
                raise AssertionError(f"no answer from inside in {seconds} s; the console: "
                                     f"{self.log()[-3000:]}") from None
            assert more, f"QEMU ended: {self.log()[-3000:]}"
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode()

    def _send(self, command):
        self.agent.sendall(base64.b64encode(command.encode()) + b"\n")

    def run(self, command):
        """Exit status and output of a shell command as root."""
        self._send(command)
        status, _, output = self._line(ANSWER_S).partition(" ")
        return int(status), base64.b64decode(output).decode(errors="replace").rstrip("\n")

    def reboot(self):
        """An orderly one, until the agent of the new boot says that it is there."""
        before = self.check("cat /proc/sys/kernel/random/boot_id")
        self._send("systemctl --no-block reboot")  # may end the agent before it has answered
        deadline = time.monotonic() + BOOT_S
        while self._line(max(1, deadline - time.monotonic())) != "ready":
            pass
        assert self.check("cat /proc/sys/kernel/random/boot_id") != before

    def check(self, command):
        """The output of a command that must go well."""
        status, output = self.run(command)
        assert status == 0, f"{command}: exit status {status}: {output}"
        return output

    def wait(self, command, seconds=300):
        """The output of the first time that the command goes well."""
        deadline = time.monotonic() + seconds
        while True:
            status, output = self.run(command)
            if status == 0:
                return output
            assert time.monotonic() < deadline, f"in {seconds} s never: {command}: {output}"
            time.sleep(0.5)

    def qmp(self, command, **arguments):
        with self._connect("qmp", time.monotonic() + 10) as client, client.makefile("rw") as stream:
            stream.readline()  # its greeting
            for request in ({"execute": "qmp_capabilities"},
                            {"execute": command, "arguments": arguments}):
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                while "event" in (answer := json.loads(stream.readline())):
                    pass
                assert "return" in answer, answer
        return answer["return"]

    def plug_adapter(self, name, line):
        """A USB serial adapter (FTDI) with the host's terminal device `line` at its other end."""
        backend = {"type": "serial", "data": {"device": str(line)}}
        self.qmp("chardev-add", id=name, backend=backend)
        self.qmp("device_add", driver="usb-serial", id=f"usb-{name}", bus="usb.0", chardev=name)

    def unplug(self, name):
        self.qmp("device_del", id=f"usb-{name}")

    def close(self):
        if self.agent:
            self.agent.close()
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait(30)
