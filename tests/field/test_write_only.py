# SPDX-License-Identifier: Apache-2.0
"""Registers that can't be read, that clear themselves, or whose effect another register shows."""
from probe import Registers, device

PROFILE = """fields:
  - { metric: level, register: 0 }
writes:
  - { name: plain, register: 20, min: 0, max: 100 }
  - { name: command, register: 20, min: 0, max: 100, verify: none }
  - { name: shown, register: 20, min: 0, max: 100, verify: 30 }
  - { name: input, register: 20, min: 0, max: 100, verify: { register: 0x28, function: 4 } }
  - { name: many, function: 16, register: 20, min: 0, max: 100, verify: 30 }
  - { name: back, register: 50, min: 0, max: 100, verify: read back }
"""


class SelfClearing(Registers):
    """Register 20 is a command: it reads 0 at once; 30 and 40 show what was commanded."""

    works = True

    def usual(self, pdu):
        said = super().usual(pdu)
        if pdu[0] in (6, 16) and pdu[1:3] == b"\0\x14":
            if self.works:
                self.values[30] = self.values[40] = self.values[20]
            self.values[20] = 0
        return said


def test_done_is_done(farm):
    values = SelfClearing({0: 1, 20: 0, 30: 0, 40: 0, 50: 0})
    line = farm.line(values)
    farm.profile(PROFILE)
    farm.start(line.bus(device(every="1s")))
    farm.wait(1)
    farm.baiye("write", "probe", "plain", 5, code=1)  # it does not read back
    for name in ("command", "shown", "input", "many", "back"):
        before = len(values.reads())
        farm.baiye("write", "probe", name, 7)
        read = [pdu for _, pdu in values.reads()[before:] if pdu[0] in (3, 4)]
        assert not any(pdu[1:3] == b"\0\x14" for pdu in read), name
    values.works, values.values[30] = False, 0
    farm.baiye("write", "probe", "command", 9)
    farm.baiye("write", "probe", "shown", 9, code=1)
    del values.values[30]
    farm.baiye("write", "probe", "shown", 9, code=1)  # what should show it can't be read


def test_the_profile_says_what_verify_can_be(farm):
    line = farm.line(Registers({0: 1}))
    for wrong, said in (("maybe", "read back"), ("{ register: 3, function: 1 }", "3 or 4")):
        farm.profile(PROFILE.replace("verify: none", f"verify: {wrong}"))
        assert said in farm.check(line.bus(device()), code=78)
