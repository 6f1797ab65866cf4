// SPDX-License-Identifier: Apache-2.0
// A Raspberry Pi Pico with its RS-485 line, sensors and power, driven by lines of JSON: a request on
// the standard input, its answer on the standard output. Time is the machine's own: a sleep takes
// none of ours, and each run is like the other.
//
// The processor, timer, watchdog, ADC, pins and clocks are rp2040js's; parts.mjs has the rest. There
// is no boot ROM: what it does at a reset (2.8.1) is done here, and its memory holds breakpoints, since
// this firmware never calls it.
import { readFileSync } from 'node:fs';
import readline from 'node:readline';
import { RP2040 } from 'rp2040js';
import { Constants, Fram, I2c, Nor, PowerCut, Select, Sht3x, Ssi, Uart } from './parts.mjs';

const FLASH_SIZE = 2 << 20, FLASH = 0x10000000, RAM = 0x20000000, BOOT2 = 0x20041f00;
const PIN = { busDrive: 2, sdiDrive: 3, rain: 11, rails: [12, 13], console: 15, lamp: 25 };
const POWER_ON = 1 << 8;

function crc32Mpeg2(bytes) {
    let crc = 0xffffffff;
    for (const byte of bytes) {
        crc ^= byte << 24;
        for (let i = 0; i < 8; i++) {
            crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
        }
    }
    return crc >>> 0;
}

// SDI-12's, as text.
function sdiCrc(text) {
    let crc = 0;
    for (const byte of Buffer.from(text)) {
        crc ^= byte;
        for (let i = 0; i < 8; i++) {
            crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
        }
    }
    return String.fromCharCode(...[12, 6, 0].map((shift) => 0x40 | ((crc >> shift) & 0x3f)));
}

class Machine {
    constructor() {
        this.flash = new Uint8Array(FLASH_SIZE).fill(0xff);
        this.fram = new Uint8Array(32768).fill(0xff);
        this.uniqueId = [0xe6, 0x61, 0x38, 0x52, 0x83, 0x1f, 0x4c, 0x2a];
        this.baud = 9600;
        this.adc = [1800, 1354, 0, 0, 876]; // soil, 12 V / 11, -, -, the diode at 27 °C
        this.air = { celsius: 21.5, percent: 64 };
        this.soil = '+2578.0+18.2+120';
        this.silent = false; // no gap is looked at: nobody answers
        this.cutAt = 0;
        this.eraseMs = 45;
        this.starts = 0; // of the processor, since the first power-on
        this.resets = [];
        this.flashOperations = 0;
        this.mcu = null;
    }

    get nanos() {
        return this.mcu.clock.nanos;
    }

    // ---- the boot ROM ----

    // Dragging a file onto the drive: whole sectors are erased before their first block.
    loadUf2(path) {
        const file = readFileSync(path), erased = new Set();
        const count = file.length / 512;
        if (!count || file.length % 512) {
            throw new Error('UF2: not a whole number of blocks');
        }
        for (let i = 0; i < count; i++) {
            const block = file.subarray(i * 512, i * 512 + 512);
            const word = (at) => block.readUInt32LE(at);
            if (word(0) !== 0x0a324655 || word(4) !== 0x9e5d5157 || word(508) !== 0x0ab16f30 ||
                !(word(8) & 0x2000) || word(28) !== 0xe48bff56 || word(16) !== 256 ||
                word(20) !== i || word(24) !== count) {
                throw new Error(`UF2: block ${i} is not one that the boot ROM takes`);
            }
            const at = word(12) - FLASH;
            if (at < 0 || at % 256 || at + 256 > FLASH_SIZE) {
                throw new Error(`UF2: block ${i} is not for the flash`);
            }
            const sector = at - (at % 4096);
            if (!erased.has(sector)) {
                erased.add(sector);
                this.flash.fill(0xff, sector, sector + 4096);
            }
            this.flash.set(block.subarray(32, 32 + 256), at);
        }
        return count;
    }

    // The second stage is copied to RAM and started, if its check sum is right.
    boot(mcu) {
        const stage = this.flash.subarray(0, 256);
        const crc = new DataView(this.flash.buffer).getUint32(252, true);
        if (crc32Mpeg2(stage.subarray(0, 252)) !== crc) {
            throw new Error('boot ROM: the second stage has a wrong check sum, no start from flash');
        }
        mcu.sram.set(stage, BOOT2 - RAM);
        mcu.core.SP = BOOT2;
        mcu.core.LR = 0;
        mcu.core.PC = BOOT2;
        mcu.core.VTOR = 0;
    }

    // ---- resets and power ----

    make(sram, reason) {
        const mcu = new RP2040();
        const refuse = (level) => (component, text) => {
            throw new Error(`${level}: ${component}: ${text}`);
        };
        mcu.logger = { debug() {}, info() {}, warn: refuse('warning'), error: refuse('error') };
        mcu.onBreak = () => {
            throw new Error(`a breakpoint or the boot ROM was run, PC ${mcu.core.PC.toString(16)}`);
        };
        mcu.bootrom.fill(0xbe00be00);
        mcu.sram.set(sram);
        mcu.flash.set(this.flash);
        this.flash = mcu.flash.subarray(0, FLASH_SIZE);
        mcu.clkSys = mcu.clkPeri = 6.5e6;
        this.nor = new Nor(mcu.flash, this.uniqueId, mcu.clock);
        this.nor.cutAt = this.cutAt && this.cutAt - this.flashOperations;
        this.nor.eraseMs = this.eraseMs;
        this.nor.onChange = () => {
            this.flushed = false;
        };
        this.peripherals(mcu, reason);
        this.guard(mcu);
        this.interrupts(mcu);
        this.wire(mcu);
        this.starts++;
        this.resetWanted = null;
        this.mcu = mcu;
        this.boot(mcu);
    }

    peripherals(mcu, reason) {
        const watchdog = mcu.peripherals[0x40058];
        watchdog.reason = reason;
        watchdog.onWatchdogTrigger = () => {
            if (mcu.peripherals[0x40010].wdsel !== 0x1fffc) {
                throw new Error('the watchdog does not reset what it must');
            }
            this.resetWanted = watchdog.reason;
            watchdog.timer.enable = false; // or rp2040js calls again at this same moment, for ever
        };
        const ssi = new Ssi(mcu, this.nor, (on) => this.inPlace(on));
        mcu.peripherals[0x18000] = ssi;
        mcu.peripherals[0x40018] = new Select(mcu, this.nor);
        mcu.peripherals[0x14000] = new Constants(mcu, 'XIP', { 4: 0 }, (offset) => {
            this.flushed = this.flushed || offset === 4;
            this.unguard();
            return offset === 4;
        });
        mcu.peripherals[0x40064] =
            new Constants(mcu, 'VREG_AND_CHIP_RESET', { 8: reason ? 0 : POWER_ON });
        this.bus = mcu.peripherals[0x40034] = new Uart(mcu, 'UART0', 20);
        this.sdi = mcu.peripherals[0x40038] = new Uart(mcu, 'UART1', 21);
        mcu.adc.onADCRead = (channel) => {
            mcu.adc.currentChannel = channel;
            mcu.adc.channelValues = this.adc;
            mcu.adc.sampleAlarm.schedule(2000);
        };
    }

    // The flash can be read only where it is mapped, and not what an old copy in the cache says.
    guard(mcu) {
        const plain = {};
        for (const name of ['readUint8', 'readUint16', 'readUint32']) {
            plain[name] = mcu[name].bind(mcu);
        }
        this.unguard = () => {
            if (this.mapped && this.flushed) {
                Object.assign(mcu, plain);
            }
        };
        this.inPlace = (on) => {
            this.mapped = on;
            if (!on) {
                for (const name of Object.keys(plain)) {
                    mcu[name] = (address) => {
                        if (address >>> 0 >= FLASH && address >>> 0 < 0x14000000) {
                            throw new Error(`the flash is read while it is not mapped: ` +
                                `0x${(address >>> 0).toString(16)}, PC 0x${mcu.core.PC.toString(16)}`);
                        }
                        return plain[name](address);
                    };
                }
            }
            this.unguard();
        };
        this.inPlace(false);
        this.flushed = true; // nothing is in the cache after a reset
        const write = mcu.writeUint32.bind(mcu);
        mcu.writeUint32 = (address, value) => {
            if (address >>> 0 >= FLASH && address >>> 0 < 0x14000000) {
                throw new Error(`a store to the flash, 0x${(address >>> 0).toString(16)}`);
            }
            write(address, value);
        };
    }

    // WFI ends when an interrupt is pending, also while they are masked, and is not taken then.
    interrupts(mcu) {
        const { core } = mcu;
        core.setInterrupt = (irq, value) => {
            if (value && !(core.pendingInterrupts & (1 << irq))) {
                core.pendingInterrupts |= 1 << irq;
                core.interruptsUpdated = true;
            } else if (!value) {
                core.pendingInterrupts &= ~(1 << irq);
            }
        };
    }

    wire(mcu) {
        const high = (pin) => mcu.gpio[pin].value === 1;
        this.high = high;
        const air = new Sht3x(() => high(PIN.rails[1]));
        Object.assign(air, this.air);
        this.airPart = air;
        this.sensorWires = new I2c(mcu, 6, 7, [air]);
        this.memoryWires = new I2c(mcu, 8, 9, [new Fram(this.fram)]);
        mcu.gpio[10].setInputValue(true); // 1-Wire: nobody there
        mcu.gpio[PIN.rain].setInputValue(true);
        this.consoleText = this.consoleText ?? '';
        this.consoleAt(mcu);
        this.answer = [];
        this.bus.onByte = (value, begin, end) => {
            if (!high(PIN.busDrive)) {
                throw new Error('bus: a byte leaves while the driver is off');
            }
            this.answer.push({ value, begin, end });
        };
        mcu.gpio[PIN.busDrive].addListener((state) => {
            if (state === 0 && this.answer.length) {
                this.releasedAfter = mcu.clock.nanos - this.answer[this.answer.length - 1].end;
            }
        });
        this.probe(mcu);
    }

    // A TEROS 12 at address 0, behind the switched rail, woken by a break of 12 ms.
    probe(mcu) {
        let text = '', awake = false, begin = 0;
        this.sdi.onBreak = (on) => {
            awake = awake || (!on && mcu.clock.nanos - begin >= 12e6);
            begin = mcu.clock.nanos;
        };
        this.sdi.onByte = (value) => {
            if (!this.high(PIN.sdiDrive)) {
                throw new Error('SDI-12: a byte leaves while the driver is off');
            }
            text += String.fromCharCode(value & 0x7f);
            if (!text.endsWith('!')) {
                return;
            }
            const answer = awake && this.high(PIN.rails[0]) ? this.probeAnswer(text) : '';
            text = '';
            this.later(mcu, 9e6, answer, this.sdi);
        };
    }

    probeAnswer(command) {
        const values = this.soil;
        switch (command) {
            case '0I!':
                return '013METER   TER12 100-1\r\n';
            case '0M!':
            case '0MC!':
                this.withCrc = command === '0MC!';
                return `00013\r\n0\r\n`;
            case '0D0!':
                return `0${values}${this.withCrc ? sdiCrc('0' + values) : ''}\r\n`;
            case '0!':
                return '0\r\n';
            default:
                return '';
        }
    }

    later(mcu, nanos, text, uart) {
        let at = nanos;
        for (const char of text) {
            at += uart.byteNanos;
            mcu.clock.createAlarm(() => {
                if (this.high(PIN.sdiDrive)) {
                    throw new Error('SDI-12: two drive the wire');
                }
                uart.receive(char.charCodeAt(0));
            }).schedule(at);
        }
    }

    consoleAt(mcu) {
        mcu.gpio[PIN.console].addListener((state, before) => {
            if (state === 0 && before === 1 && !this.consoleBusy) {
                this.consoleBusy = true;
                let value = 0;
                for (let bit = 0; bit < 8; bit++) {
                    mcu.clock.createAlarm(() => {
                        value |= this.high(PIN.console) ? 1 << bit : 0;
                    }).schedule((1.5 + bit) * 104167);
                }
                mcu.clock.createAlarm(() => {
                    this.consoleText += String.fromCharCode(value);
                    this.consoleBusy = false;
                }).schedule(9.5 * 104167);
            }
        });
        this.consoleBusy = false;
    }

    powerOn() {
        const noise = new Uint8Array(264 * 1024);
        for (let i = 0, x = 1 + this.starts; i < noise.length; i++) {
            x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
            noise[i] = x >>> 24;
        }
        this.make(noise, 0);
    }

    powerOff() {
        this.flashOperations += this.nor ? this.nor.operations : 0;
        this.flash = this.flash.slice();
        this.nor = null;
        this.mcu = null;
    }

    reset() {
        const sram = this.mcu.sram, reason = this.resetWanted;
        this.resets.push(reason === 1 ? 'watchdog' : 'forced');
        this.flashOperations += this.nor.operations;
        this.make(sram, reason);
    }

    // ---- time ----

    // Until `nanos` later or until what is asked for; over resets, whose clock begins anew.
    run(nanos, until = () => false) {
        let left = nanos;
        while (left >= 1 && !until()) {
            const { core, clock } = this.mcu;
            const cycle = 1e9 / this.mcu.clkSys, begin = clock.nanos;
            for (let i = 0; i < 2000 && !this.resetWanted && clock.nanos - begin < left; i++) {
                if (core.waiting && core.pendingInterrupts & core.enabledInterrupts) {
                    core.waiting = false;
                }
                if (core.waiting) {
                    const next = clock.nextAlarm ? clock.nanosToNextAlarm : left;
                    clock.tick(Math.max(Math.min(next, left - (clock.nanos - begin)), 1));
                    i += 100;
                } else {
                    clock.tick(core.executeInstruction() * cycle);
                }
            }
            left -= clock.nanos - begin;
            if (this.resetWanted) {
                this.reset();
            }
        }
        return nanos - left;
    }

    // ---- the bus ----

    // Sends a frame and waits for an answer: its bytes until the line is silent.
    request(bytes, timeoutMs) {
        const { mcu } = this, byteNanos = 10e9 / this.baud;
        let end = 0;
        this.run(5e6); // silence before it
        this.answer = [];
        this.releasedAfter = null;
        bytes.forEach((value, i) => {
            end = (i + 1) * byteNanos;
            this.mcu.clock.createAlarm(() => {
                if (this.high(PIN.busDrive)) {
                    throw new Error('bus: two drive the line');
                }
                const fits = Math.abs(this.bus.baud / this.baud - 1) < 0.02 && this.bus.mode === '8N1';
                this.bus.receive(fits ? value : value ^ 0x155);
            }).schedule(end);
        });
        this.run(end);
        const asked = this.nanos;
        this.run(timeoutMs * 1e6, () => this.answer.length > 0 || this.mcu !== mcu);
        this.run(600e6, () => !this.answer.length || this.releasedAfter !== null);
        const first = this.answer[0];
        return {
            answer: Buffer.from(this.answer.map((byte) => byte.value)).toString('hex'),
            delay_us: first && this.mcu === mcu ? (first.begin - asked) / 1000 : null,
            released_us: this.releasedAfter === null ? null : this.releasedAfter / 1000,
        };
    }
}

const machine = new Machine();
const operations = {
    uf2: ({ path }) => ({ blocks: machine.loadUf2(path) }),
    power_on: () => machine.powerOn(),
    power_off: () => machine.powerOff(),
    run: ({ ms }) => ({ ms: machine.run(ms * 1e6) / 1e6 }),
    request: ({ hex, timeout_ms }) => machine.request([...Buffer.from(hex, 'hex')], timeout_ms),
    // Of the firmware's flow: it never comes back from where it stands, or from the main loop.
    hang: () => {
        machine.mcu.core.executeInstruction = () => 960; // 10 us a step, or it costs the host minutes
        machine.mcu.core.waiting = false;
    },
    // As the processor does when it is to fetch from where nothing is: rp2040js has no faults.
    fault: () => {
        const { core } = machine.mcu;
        core.waiting = false;
        core.PC = 0xf0000000;
        core.exceptionEntry(3);
    },
    rain: ({ tips }) => {
        for (let i = 0; i < tips; i++) {
            machine.mcu.gpio[PIN.rain].setInputValue(false);
            machine.run(30e6);
            machine.mcu.gpio[PIN.rain].setInputValue(true);
            machine.run(100e6);
        }
    },
    set: ({ values }) => {
        Object.assign(machine, values);
        if (machine.mcu && values.air) {
            Object.assign(machine.airPart, values.air);
        }
        if (machine.nor) {
            machine.nor.cutAt = machine.cutAt && machine.cutAt - machine.flashOperations;
            machine.nor.eraseMs = machine.eraseMs;
        }
    },
    pins: () => Object.fromEntries([2, 3, 12, 13, 25].map((pin) => [pin, machine.mcu.gpio[pin].value])),
    state: () => ({
        console: machine.consoleText,
        resets: machine.resets,
        starts: machine.starts,
        flash_operations: machine.flashOperations + (machine.nor ? machine.nor.operations : 0),
        clock_hz: machine.mcu ? machine.mcu.clkSys : 0,
        bus: machine.mcu ? [machine.bus.baud, machine.bus.mode] : null,
    }),
    read: ({ at, size }) => ({
        hex: Buffer.from(machine.flash.subarray(at - FLASH, at - FLASH + size)).toString('hex'),
    }),
};

for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    let answer;
    try {
        answer = operations[request.op](request) ?? {};
    } catch (error) {
        if (error instanceof PowerCut) {
            machine.powerOff();
            answer = { cut: true };
        } else {
            answer = { error: `${error.message}\n${error.stack}` };
        }
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
}
