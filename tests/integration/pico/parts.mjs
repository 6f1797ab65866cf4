// SPDX-License-Identifier: Apache-2.0
// Parts of a Pico that rp2040js leaves out or has only in name, by the RP2040 Datasheet, and the
// flash chip, by the data sheet of the W25Q16JV. What the firmware may not do throws.
import { BasePeripheral } from 'rp2040js';

export class PowerCut extends Error {}

const SECTOR = 4096;

// NOR flash on a serial bus: a command is what passes while the chip is selected.
export class Nor {
    constructor(memory, uniqueId, clock) {
        this.memory = memory;
        this.uniqueId = uniqueId;
        this.clock = clock;
        this.busyUntil = 0;
        this.enabled = false;
        this.bytes = null;
        this.operations = 0;
        this.cutAt = 0; // the power goes in the midst of this operation
        this.eraseMs = 45;
        this.onChange = () => {};
    }

    get busy() {
        return this.clock.nanos < this.busyUntil;
    }

    select() {
        this.bytes = [];
    }

    exchange(byte) {
        if (!this.bytes) {
            throw new Error('flash: a byte while the chip is not selected');
        }
        this.bytes.push(byte);
        const at = this.bytes.length - 1;
        switch (this.bytes[0]) {
            case 0x05:
                return at > 0 ? (this.busy ? 1 : 0) | (this.enabled ? 2 : 0) : 0xff;
            case 0x4b:
                return at >= 5 && !this.busy ? this.uniqueId[(at - 5) % 8] : 0xff;
            case 0x06:
            case 0x02:
            case 0x20:
                return 0xff;
            default:
                throw new Error(`flash: command 0x${this.bytes[0].toString(16)} is not expected`);
        }
    }

    deselect() {
        const bytes = this.bytes;
        this.bytes = null;
        // A look at the busy flag takes a microsecond; here 20, so that waiting costs the host little.
        if (bytes && bytes[0] === 0x05 && this.busy) {
            this.clock.tick(Math.min(20000, this.busyUntil - this.clock.nanos));
        }
        if (!bytes || !bytes.length || bytes[0] === 0x05 || bytes[0] === 0x4b) {
            return;
        }
        if (this.busy) {
            throw new Error('flash: a command while it is busy, which it would ignore');
        }
        if (bytes[0] === 0x06) {
            this.enabled = true;
            return;
        }
        if (!this.enabled) {
            throw new Error('flash: a change that was not enabled');
        }
        this.enabled = false;
        this.change(bytes[0], (bytes[1] << 16) | (bytes[2] << 8) | bytes[3], bytes.slice(4));
    }

    change(command, address, data) {
        const cut = ++this.operations === this.cutAt;
        this.onChange();
        if (command === 0x20) {
            const begin = address - (address % SECTOR);
            // Cut: some bits are up, others not yet.
            for (let i = begin; i < begin + SECTOR; i++) {
                this.memory[i] |= cut ? (i * 73) & 0xff : 0xff;
            }
            this.busyUntil = this.clock.nanos + this.eraseMs * 1e6;
        } else {
            if (data.length === 0 || data.length > 256 || (address % 256) + data.length > 256) {
                throw new Error('flash: programs over the end of a page');
            }
            const size = cut ? data.length >> 1 : data.length;
            for (let i = 0; i < size; i++) {
                this.memory[address + i] &= data[i];
            }
            if (cut) {
                this.memory[address + size] &= data[size] | 0x5a;
            }
            this.busyUntil = this.clock.nanos + 0.7e6;
        }
        if (cut) {
            throw new PowerCut();
        }
    }
}

// The SSI, 4.10, in the two modes that the firmware uses.
export class Ssi extends BasePeripheral {
    constructor(rp2040, nor, inPlace) {
        super(rp2040, 'SSI');
        this.nor = nor;
        this.inPlace = inPlace; // told when the flash can be read in place, and when no longer
        this.registers = new Map([[0x00, 0], [0x04, 0], [0x08, 0], [0x10, 0], [0x14, 0], [0xf4, 0]]);
        this.received = [];
    }

    readUint32(offset) {
        if (offset === 0x24) {
            return this.received.length;
        }
        if (offset === 0x60) {
            if (!this.received.length) {
                throw new Error('SSI: read from an empty FIFO');
            }
            return this.received.shift();
        }
        return this.registers.has(offset) ? this.registers.get(offset) : super.readUint32(offset);
    }

    writeUint32(offset, value) {
        if (offset === 0x60) {
            if (!this.registers.get(0x08) || this.registers.get(0x00) !== 7 << 16 ||
                this.registers.get(0x10) !== 1) {
                throw new Error('SSI: a byte while it is not set up for one');
            }
            if (this.received.length === 16) {
                throw new Error('SSI: the receiver runs over');
            }
            this.received.push(this.nor.exchange(value & 0xff));
            return;
        }
        if (!this.registers.has(offset)) {
            super.writeUint32(offset, value);
            return;
        }
        if (offset !== 0x08 && offset !== 0x10 && this.registers.get(0x08)) {
            throw new Error('SSI: a setting while it is on, which it would ignore');
        }
        this.registers.set(offset, value);
        if (offset === 0x08) {
            this.received = [];
            const settings = [0x00, 0x04, 0xf4, 0x14].map((register) => this.registers.get(register));
            const reads = value === 1 && settings[0] === 0x001f0300 && settings[1] === 0 &&
                settings[2] === 0x03000218 && settings[3] >= 2 && settings[3] % 2 === 0;
            if (reads && this.nor.busy) {
                throw new Error('SSI: the flash is busy, and is to be read in place');
            }
            this.inPlace(reads);
        }
    }
}

// IO_QSPI: of it the chip select.
export class Select extends BasePeripheral {
    constructor(rp2040, nor) {
        super(rp2040, 'IO_QSPI');
        this.nor = nor;
        this.control = 0;
    }

    readUint32(offset) {
        return offset === 0x0c ? this.control : super.readUint32(offset);
    }

    writeUint32(offset, value) {
        if (offset !== 0x0c) {
            super.writeUint32(offset, value);
            return;
        }
        const low = (value >> 8 & 3) === 2, was = (this.control >> 8 & 3) === 2;
        this.control = value;
        if (low && !was) {
            this.nor.select();
        } else if (!low && was) {
            this.nor.deselect();
        }
    }
}

// Registers that can be read, and one that may be written.
export class Constants extends BasePeripheral {
    constructor(rp2040, name, values, written = null) {
        super(rp2040, name);
        this.values = values;
        this.written = written;
    }

    readUint32(offset) {
        return offset in this.values ? this.values[offset] : super.readUint32(offset);
    }

    writeUint32(offset, value) {
        if (!this.written || !this.written(offset, value)) {
            super.writeUint32(offset, value);
        }
    }
}

const RX = 1 << 4, TX = 1 << 5;

// PL011, 4.2, without its FIFOs, byte by byte in the time that they take.
export class Uart extends BasePeripheral {
    constructor(rp2040, name, irq) {
        super(rp2040, name);
        this.irq = irq;
        this.settings = { 0x24: 0, 0x28: 0, 0x2c: 0, 0x30: 0x300, 0x38: 0 };
        this.status = 0;
        this.holding = null;
        this.shifting = null;
        this.rx = null;
        this.overrun = false;
        this.onByte = () => {}; // (value, begin in ns, end in ns)
        this.onBreak = () => {}; // (on)
        this.alarm = rp2040.clock.createAlarm(() => this.shifted());
    }

    get baud() {
        return this.rp2040.clkPeri / (16 * (this.settings[0x24] + this.settings[0x28] / 64));
    }

    get mode() {
        const lcr = this.settings[0x2c];
        return `${5 + ((lcr >> 5) & 3)}${lcr & 2 ? (lcr & 4 ? 'E' : 'O') : 'N'}${lcr & 8 ? 2 : 1}`;
    }

    get byteNanos() {
        return ((2 + 5 + ((this.settings[0x2c] >> 5) & 3) + (this.settings[0x2c] & 2 ? 1 : 0) +
            (this.settings[0x2c] & 8 ? 1 : 0)) * 1e9) / this.baud;
    }

    update() {
        this.rp2040.setInterrupt(this.irq, (this.status & this.settings[0x38]) !== 0);
    }

    shift() {
        this.shifting = { value: this.holding, begin: this.rp2040.clock.nanos };
        this.holding = null;
        this.alarm.schedule(this.byteNanos);
        this.status |= TX;
    }

    shifted() {
        const { value, begin } = this.shifting;
        this.shifting = null;
        if (this.holding !== null) {
            this.shift();
        }
        this.update();
        this.onByte(value, begin, this.rp2040.clock.nanos);
    }

    // A byte from the line, at its stop bit.
    receive(value) {
        if ((this.settings[0x30] & 0x201) !== 0x201) {
            return;
        }
        if (this.rx !== null) {
            this.overrun = true;
            return;
        }
        this.rx = value;
        this.status |= RX;
        this.update();
    }

    readUint32(offset) {
        switch (offset) {
            case 0x00: {
                const value = this.rx === null ? 0 : this.rx | (this.overrun ? 1 << 11 : 0);
                this.rx = null;
                this.overrun = false;
                this.status &= ~RX;
                this.update();
                return value;
            }
            case 0x18:
                return (this.shifting ? 1 << 3 : 0) | (this.rx === null ? 1 << 4 : 1 << 6) |
                    (this.holding === null ? 1 << 7 : 1 << 5);
            case 0x40:
                return this.status & this.settings[0x38];
            default:
                return offset in this.settings ? this.settings[offset] : super.readUint32(offset);
        }
    }

    writeUint32(offset, value) {
        if (offset === 0x00) {
            if ((this.settings[0x30] & 0x101) !== 0x101 || this.holding !== null) {
                throw new Error(`${this.name}: a byte to send is lost`);
            }
            this.holding = value & 0xff;
            this.status &= ~TX;
            if (!this.shifting) {
                this.shift();
            }
        } else if (offset === 0x44) {
            this.status &= ~this.rawWriteValue;
        } else if (offset in this.settings) {
            if (offset === 0x2c && value & 0x10) {
                throw new Error(`${this.name}: its FIFOs are not modelled`);
            }
            if (offset === 0x2c && (value ^ this.settings[offset]) & 1) {
                this.onBreak(value & 1);
            }
            this.settings[offset] = value;
            if (offset === 0x30 && !(value & 1)) {
                this.alarm.cancel();
                this.holding = this.shifting = this.rx = null;
                this.status &= ~(RX | TX);
            }
        } else {
            super.writeUint32(offset, value);
        }
        this.update();
    }
}

// Two open-drain wires between the chip's pins and the parts on them.
export class I2c {
    constructor(rp2040, sda, scl, devices) {
        this.pins = { sda: rp2040.gpio[sda], scl: rp2040.gpio[scl] };
        this.devices = devices;
        this.master = { sda: true, scl: true };
        this.pulls = false; // a device holds SDA
        this.last = { sda: true, scl: true };
        this.idle();
        for (const name of ['sda', 'scl']) {
            this.pins[name].addListener((state) => {
                if (state === 1) {
                    throw new Error(`I2C: ${name} is driven high`);
                }
                this.master[name] = state !== 0;
                this.moved();
            });
        }
        this.show();
    }

    idle() {
        this.device = null;
        this.state = 'idle';
        this.bit = 0;
        this.byte = 0;
        this.pulls = false;
    }

    show() {
        this.last = { sda: this.master.sda && !this.pulls, scl: this.master.scl };
        this.pins.sda.setInputValue(this.last.sda);
        this.pins.scl.setInputValue(this.last.scl);
    }

    moved() {
        const before = this.last;
        const sda = this.master.sda && !this.pulls, scl = this.master.scl;
        if (before.scl && scl && before.sda !== sda) {
            if (sda) {
                this.device?.stop?.();
                this.idle();
            } else {
                this.idle();
                this.state = 'address';
            }
        } else if (!before.scl && scl) {
            this.rises(sda);
        } else if (before.scl && !scl) {
            this.falls();
        }
        this.show();
    }

    rises(sda) {
        if (this.state === 'address' || this.state === 'write') {
            this.byte = (this.byte << 1) | (sda ? 1 : 0);
            this.bit++;
        } else if (this.state === 'read') {
            this.bit++;
        } else if (this.state === 'master-ack' && sda) {
            this.state = 'idle'; // it wants no more
        }
    }

    falls() {
        if ((this.state === 'address' || this.state === 'write') && this.bit === 8) {
            const first = this.state === 'address';
            if (first) {
                this.device = this.devices.find((d) => d.address === this.byte >> 1 && d.powered());
                this.reads = (this.byte & 1) === 1;
                this.device?.start?.(this.reads);
            }
            const takes = this.device && (first || this.device.write(this.byte) !== false);
            this.pulls = !!takes;
            this.state = takes ? 'ack' : 'idle';
        } else if (this.state === 'ack') {
            this.pulls = false;
            this.bit = this.byte = 0;
            this.state = this.reads ? 'read' : 'write';
            if (this.reads) {
                this.give();
            }
        } else if (this.state === 'read') {
            if (this.bit === 8) {
                this.pulls = false;
                this.state = 'master-ack';
            } else {
                this.pulls = !((this.byte >> (7 - this.bit)) & 1);
            }
        } else if (this.state === 'master-ack') {
            this.state = 'read';
            this.bit = 0;
            this.give();
        }
    }

    give() {
        this.byte = this.device.read();
        this.pulls = !(this.byte >> 7);
    }
}

export class Fram {
    constructor(memory) {
        this.address = 0x50;
        this.memory = memory;
        this.at = 0;
        this.writes = 0;
    }

    powered() {
        return true;
    }

    start(reads) {
        this.head = reads ? 2 : 0;
    }

    write(byte) {
        if (this.head < 2) {
            this.at = ((this.at << 8) | byte) & 0x7fff;
            this.head++;
        } else {
            this.memory[this.at] = byte;
            this.at = (this.at + 1) & 0x7fff;
        }
        return true;
    }

    read() {
        const byte = this.memory[this.at];
        this.at = (this.at + 1) & 0x7fff;
        return byte;
    }
}

function crc8(bytes) {
    let crc = 0xff;
    for (const byte of bytes) {
        crc ^= byte;
        for (let i = 0; i < 8; i++) {
            crc = crc & 0x80 ? ((crc << 1) ^ 0x31) & 0xff : (crc << 1) & 0xff;
        }
    }
    return crc;
}

export class Sht3x {
    constructor(powered) {
        this.address = 0x44;
        this.powered = powered;
        this.celsius = 21.5;
        this.percent = 64;
        this.data = [];
    }

    start(reads) {
        if (!reads) {
            this.command = [];
        }
    }

    write(byte) {
        this.command.push(byte);
        if (this.command.length === 2 && this.command[0] === 0x24) {
            const words = [((this.celsius + 45) / 175) * 65535, (this.percent / 100) * 65535];
            this.data = words.flatMap((word) => {
                const bytes = [Math.round(word) >> 8, Math.round(word) & 0xff];
                return [...bytes, crc8(bytes)];
            });
        }
        return true;
    }

    read() {
        return this.data.length ? this.data.shift() : 0xff;
    }
}
