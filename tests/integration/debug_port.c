/* SPDX-License-Identifier: Apache-2.0 */
/* The debug port of an STM32F103 for a real OpenOCD, which reaches it by its remote_bitbang driver
 * over a UNIX socket: JTAG with the part's two taps (Cortex-M3 and boundary scan), ADIv5 debug and
 * access port, memory, as much of the processor as it takes to halt and reset it, and the flash
 * controller with its locks and NOR's rules (PM0075). The processor itself runs nothing, so the
 * configuration gives OpenOCD no working area and it programs by single half-words.
 *
 *   debug-port SOCKET FLASH [id=0x20036410] [protected=1] [worn=ADDRESS] [dead=1]
 *
 * FLASH is a file of 128 KiB; "resets N runs N" goes to stdout when a client leaves. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FLASH      0x08000000u
#define FLASH_SIZE 0x20000u
#define PAGE       1024u
#define RAM        0x20000000u
#define RAM_SIZE   0x5000u
#define CELLS      1024u

/* ---- memory ---- */

static struct {
    uint8_t *flash;
    uint8_t ram[RAM_SIZE];
    struct {
        uint32_t address, value;
    } cells[CELLS]; /* registers that only keep what is written */
    size_t cell_count;
    uint32_t device_id, worn;
    bool is_protected, dead;
    bool unlocked, halted, was_reset;
    unsigned keys, resets, runs;
    uint32_t flash_status, flash_control, flash_address;
    uint32_t core[32], core_data;
} part = {.device_id = 0x20036410};

static uint32_t *cell(uint32_t address)
{
    for (size_t i = 0; i < part.cell_count; i++) {
        if (part.cells[i].address == address)
            return &part.cells[i].value;
    }
    if (part.cell_count == CELLS)
        abort();
    part.cells[part.cell_count].address = address;
    return &part.cells[part.cell_count++].value;
}

static void reset(void)
{
    part.resets++;
    part.was_reset = true;
    part.unlocked = false;
    part.keys = 0;
    part.flash_control = 1u << 7;
    part.halted = part.halted || (*cell(0xE000EDFC) & 1) != 0; /* DEMCR.VC_CORERESET */
    if (!(*cell(0xE000EDFC) & 1))
        part.halted = false;
}

static void erase(uint32_t begin, uint32_t size)
{
    memset(part.flash + (begin - FLASH), 0xFF, size);
    part.flash_status |= 1u << 5;
}

static void write_flash_register(uint32_t address, uint32_t value)
{
    static const uint32_t keys[] = {0x45670123, 0xCDEF89AB};
    switch (address & 0xFF) {
    case 0x04:
        part.keys = part.keys < 2 && value == keys[part.keys] ? part.keys + 1 : 0;
        part.unlocked |= part.keys == 2;
        break;
    case 0x0C:
        part.flash_status &= ~value;
        break;
    case 0x10:
        if (!part.unlocked)
            break;
        part.flash_control = value;
        if (value & 1u << 7) {
            part.unlocked = false;
            part.keys = 0;
        }
        if ((value & 1u << 6) && (value & 1u << 2))
            erase(FLASH, FLASH_SIZE);
        else if ((value & 1u << 6) && (value & 1u << 1))
            erase(part.flash_address / PAGE * PAGE, PAGE);
        break;
    case 0x14:
        part.flash_address = value;
        break;
    default:
        break;
    }
}

static uint32_t read_flash_register(uint32_t address)
{
    switch (address & 0xFF) {
    case 0x0C:
        return part.flash_status;
    case 0x10:
        return (part.flash_control & ~(1u << 7 | 1u << 6)) | (part.unlocked ? 0 : 1u << 7);
    case 0x1C:
        return 0x03FFFFFC | (part.is_protected ? 2 : 0);
    case 0x20:
        return UINT32_MAX;
    default:
        return 0;
    }
}

static uint32_t read_core(uint32_t address)
{
    switch (address) {
    case 0xE000ED00:
        return 0x411FC231; /* Cortex-M3 r1p1 */
    case 0xE0042000:
        return part.device_id;
    case 0xE0001000:
        return 0x40000000; /* four watchpoints */
    case 0xE0002000:
        return 0x260 | (*cell(address) & 1); /* six breakpoints */
    case 0xE000EDF0: {
        uint32_t status = (*cell(address) & 0xFFFF) | 1u << 16 | (part.halted ? 1u << 17 : 0) |
                          (part.was_reset ? 1u << 25 : 0);
        part.was_reset = false;
        return status;
    }
    case 0xE000EDF8:
        return part.core_data;
    default:
        return *cell(address);
    }
}

static void write_core(uint32_t address, uint32_t value)
{
    switch (address) {
    case 0xE000EDF0: /* DHCSR, with its key */
        if (value >> 16 == 0xA05F) {
            part.runs += part.halted && !(value & 2);
            part.halted = (value & 3) == 3;
            *cell(address) = value & 0xFFFF;
        }
        break;
    case 0xE000EDF4: /* DCRSR */
        if (value & 1u << 16)
            part.core[value & 31] = part.core_data;
        else
            part.core_data = part.core[value & 31];
        break;
    case 0xE000EDF8:
        part.core_data = value;
        break;
    case 0xE000ED0C:
        if (value >> 16 == 0x05FA && (value & 5))
            reset();
        break;
    case 0xE000ED30: /* ones clear */
        *cell(address) &= ~value;
        break;
    default:
        *cell(address) = value;
    }
}

/* PM0075 2.3.3: a half-word once, and then only to 0 again. */
static void program(uint32_t address, uint32_t value, unsigned size)
{
    uint8_t *at = part.flash + (address - FLASH);
    if (!part.unlocked || !(part.flash_control & 1) || size != 2 || address % 2)
        return;
    if ((at[0] & at[1]) != 0xFF && (value & 0xFFFF) != 0) {
        part.flash_status |= 1u << 2;
        return;
    }
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    if (part.worn == address)
        at[0] &= 0xEF;
    part.flash_status |= 1u << 5;
}

static bool within(uint32_t address, uint32_t base, uint32_t size)
{
    return address >= base && address - base < size;
}

static uint32_t read_memory(uint32_t address)
{
    uint32_t word;
    address &= ~3u;
    if (within(address, FLASH, FLASH_SIZE)) {
        memcpy(&word, part.flash + (address - FLASH), 4);
        return part.is_protected ? 0 : word;
    }
    if (within(address, RAM, RAM_SIZE)) {
        memcpy(&word, part.ram + (address - RAM), 4);
        return word;
    }
    if (within(address, 0x40022000, 0x400))
        return read_flash_register(address);
    switch (address) {
    case 0x1FFFF7E0:
        return 0xFFFF0080; /* 128 KiB */
    case 0x1FFFF7E8:
        return 0x34333231;
    case 0x1FFFF7EC:
        return 0x38373635;
    case 0x1FFFF7F0:
        return 0x3C3B3A39;
    default:
        return read_core(address);
    }
}

static void write_memory(uint32_t address, uint32_t value, unsigned size)
{
    if (within(address, FLASH, FLASH_SIZE))
        program(address, value, size);
    else if (within(address, RAM, RAM_SIZE - 3))
        memcpy(part.ram + (address - RAM), &value, size);
    else if (within(address, 0x40022000, 0x400))
        write_flash_register(address, value);
    else if (size == 4)
        write_core(address, value);
}

/* ---- access port and debug port (ADIv5) ---- */

static struct {
    uint32_t select, control, csw, tar, result;
} port;

static uint32_t access_memory(bool read, uint32_t address, uint32_t value)
{
    unsigned size = 1u << (port.csw & 3), lane = 8 * (address & 3);
    uint32_t result = 0;
    if (read)
        result = read_memory(address); /* each byte stands in its own lane */
    else
        write_memory(address, value >> lane, size);
    return result;
}

static uint32_t access_port(bool read, unsigned at, uint32_t value)
{
    uint32_t result = 0;
    if (port.select >> 24 != 0)
        return 0; /* there is only one */
    at |= port.select & 0xF0;
    switch (at) {
    case 0x00:
        if (!read) /* no packed transfers */
            port.csw = (value & 0x30) == 0x20 ? value & ~0x30u : value;
        return port.csw | 0x40;
    case 0x04:
        if (!read)
            port.tar = value;
        return port.tar;
    case 0x0C:
        result = access_memory(read, port.tar, value);
        if ((port.csw & 0x30) == 0x10)
            port.tar += 1u << (port.csw & 3);
        return result;
    case 0x10:
    case 0x14:
    case 0x18:
    case 0x1C:
        return access_memory(read, (port.tar & ~15u) | (at & 15), value);
    case 0xF8:
        return 0xE00FF003;
    case 0xFC:
        return 0x14770011; /* AHB-AP of a Cortex-M3 */
    default:
        return 0;
    }
}

static uint32_t debug_port(bool read, unsigned at, uint32_t value)
{
    if (at == 4 && !read)
        port.control = value & 0x50000F00; /* power-up requests; sticky errors never stand */
    if (at == 8 && !read)
        port.select = value;
    return at == 4 ? port.control | port.control << 1 : at == 8 ? port.select : 0;
}

/* ---- JTAG ---- */

enum {
    IR_ABORT = 8,
    IR_DPACC = 10,
    IR_APACC = 11,
    IR_IDCODE = 14,
    ACK_OK = 2,
};

enum state {
    RESET,
    IDLE,
    SELECT_DR,
    CAPTURE_DR,
    SHIFT_DR,
    EXIT1_DR,
    PAUSE_DR,
    EXIT2_DR,
    UPDATE_DR,
    SELECT_IR,
    CAPTURE_IR,
    SHIFT_IR,
    EXIT1_IR,
    PAUSE_IR,
    EXIT2_IR,
    UPDATE_IR
};

/* The first tap is next to TDO. */
static struct tap {
    unsigned ir_size, idcode_ir;
    uint32_t idcode, ir;
    uint64_t shift;
    unsigned size; /* of the register being shifted */
} taps[2] = {{4, IR_IDCODE, 0x3BA00477, IR_IDCODE, 0, 1}, {5, 1, 0x16410041, 1, 0, 1}};

static void capture_dr(struct tap *tap)
{
    tap->size = 1;
    tap->shift = 0;
    if (tap->ir == tap->idcode_ir) {
        tap->size = 32;
        tap->shift = tap->idcode;
    } else if (tap == taps && (tap->ir == IR_DPACC || tap->ir == IR_APACC || tap->ir == IR_ABORT)) {
        tap->size = 35;
        tap->shift = (uint64_t)port.result << 3 | ACK_OK;
    }
}

static void update_dr(const struct tap *tap)
{
    if (tap != taps || tap->size != 35)
        return;
    bool read = tap->shift & 1;
    unsigned at = (unsigned)(tap->shift >> 1 & 3) << 2;
    uint32_t value = (uint32_t)(tap->shift >> 3);
    if (tap->ir == IR_DPACC)
        port.result = debug_port(read, at, value);
    else if (tap->ir == IR_APACC)
        port.result = access_port(read, at, value);
}

static void shift_all(unsigned in)
{
    for (int i = 1; i >= 0; i--) {
        unsigned out = taps[i].shift & 1;
        taps[i].shift = taps[i].shift >> 1 | (uint64_t)in << (taps[i].size - 1);
        in = out;
    }
}

static enum state enter(enum state state)
{
    for (struct tap *tap = taps; tap < taps + 2; tap++) {
        if (state == UPDATE_DR)
            update_dr(tap);
        else if (state == UPDATE_IR)
            tap->ir = (uint32_t)tap->shift;
        else if (state == RESET)
            tap->ir = tap->idcode_ir;
    }
    return state;
}

/* A rising edge of TCK. */
static enum state clock_edge(enum state state, unsigned tms, unsigned tdi)
{
    static const uint8_t next[16][2] = {
        [RESET] = {IDLE, RESET},
        [IDLE] = {IDLE, SELECT_DR},
        [SELECT_DR] = {CAPTURE_DR, SELECT_IR},
        [CAPTURE_DR] = {SHIFT_DR, EXIT1_DR},
        [SHIFT_DR] = {SHIFT_DR, EXIT1_DR},
        [EXIT1_DR] = {PAUSE_DR, UPDATE_DR},
        [PAUSE_DR] = {PAUSE_DR, EXIT2_DR},
        [EXIT2_DR] = {SHIFT_DR, UPDATE_DR},
        [UPDATE_DR] = {IDLE, SELECT_DR},
        [SELECT_IR] = {CAPTURE_IR, RESET},
        [CAPTURE_IR] = {SHIFT_IR, EXIT1_IR},
        [SHIFT_IR] = {SHIFT_IR, EXIT1_IR},
        [EXIT1_IR] = {PAUSE_IR, UPDATE_IR},
        [PAUSE_IR] = {PAUSE_IR, EXIT2_IR},
        [EXIT2_IR] = {SHIFT_IR, UPDATE_IR},
        [UPDATE_IR] = {IDLE, SELECT_DR},
    };
    for (struct tap *tap = taps; tap < taps + 2; tap++) {
        if (state == CAPTURE_DR)
            capture_dr(tap);
        if (state == CAPTURE_IR) {
            tap->shift = 1;
            tap->size = tap->ir_size;
        }
    }
    if (state == SHIFT_DR || state == SHIFT_IR)
        shift_all(tdi);
    return enter((enum state)next[state][tms]);
}

/* ---- remote_bitbang ---- */

static void serve(int client)
{
    static char in[65536], out[65536];
    enum state state = RESET;
    unsigned tck = 0;
    ssize_t got;
    while ((got = read(client, in, sizeof in)) > 0) {
        size_t size = 0;
        for (ssize_t i = 0; i < got; i++) {
            if (in[i] >= '0' && in[i] <= '7') {
                unsigned pins = (unsigned)(in[i] - '0');
                if (!tck && (pins & 4))
                    state = clock_edge(state, pins >> 1 & 1, pins & 1);
                tck = pins & 4;
            } else if (in[i] == 'R') {
                out[size++] = !part.dead && (taps[0].shift & 1) ? '1' : '0';
            } else if (in[i] == 'Q') {
                return;
            }
        }
        if (size > 0 && write(client, out, size) != (ssize_t)size)
            return;
    }
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, 1) != 0)
        return -1;
    return fd;
}

static void read_option(const char *text)
{
    const char *value = strchr(text, '=');
    uint32_t number = value != NULL ? (uint32_t)strtoul(value + 1, NULL, 0) : 0;
    if (strncmp(text, "id=", 3) == 0)
        part.device_id = number;
    else if (strncmp(text, "worn=", 5) == 0)
        part.worn = number;
    else if (strncmp(text, "protected=", 10) == 0)
        part.is_protected = number;
    else if (strncmp(text, "dead=", 5) == 0)
        part.dead = number;
    else
        abort();
}

int main(int argc, char **argv)
{
    for (int i = 3; i < argc; i++)
        read_option(argv[i]);
    int file = argc >= 3 ? open(argv[2], O_RDWR | O_CLOEXEC) : -1;
    int listener = argc >= 3 ? listen_at(argv[1]) : -1;
    part.flash = mmap(NULL, FLASH_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (listener < 0 || part.flash == MAP_FAILED) {
        perror("debug-port SOCKET FLASH [OPTION=VALUE]");
        return 1;
    }
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0)
            return 1;
        serve(client);
        (void)close(client);
        (void)printf("resets %u runs %u\n", part.resets, part.runs);
        (void)fflush(stdout);
    }
}
