/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/silicon/bench.h"

#include <elf.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocols/image/factory.h"
#include "protocols/image/image.h"
#include "protocols/modbus/crc16.h"
#include "protocols/modbus/rtu.h"

#define HARDWARE        0x42F10301u
#define BROADCAST_PAUSE (20 * TICKS_MS) /* the master's, so that a block is in the flash */

extern char **environ;

static _Noreturn void give_up(const char *what, const char *name)
{
    (void)fprintf(stderr, "silicon: %s: %s (build the preset stm32f103-rs485 first)\n", name, what);
    exit(1);
}

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        give_up("can't be read", path);
    uint8_t *data = malloc(1 << 22);
    *size = data != NULL ? fread(data, 1, 1 << 22, f) : 0;
    (void)fclose(f);
    if (*size == 0)
        give_up("is empty", path);
    return data;
}

uint8_t *bench_file(const char *name, size_t *size)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", SILICON_FIRMWARE, name);
    return read_file(path, size);
}

uint8_t *bench_image(const char *version, unsigned counter, size_t *size)
{
    char path[] = "/tmp/silicon-XXXXXX", number[16], slots[2][600];
    int fd = mkstemp(path);
    if (fd < 0)
        give_up("no temporary file", path);
    (void)close(fd);
    (void)snprintf(number, sizeof number, "%u", counter);
    (void)snprintf(slots[0], sizeof slots[0], "%s/baiye-node-0.bin@0x08004800", SILICON_FIRMWARE);
    (void)snprintf(slots[1], sizeof slots[1], "%s/baiye-node-1.bin@0x08012400", SILICON_FIRMWARE);
    char *arguments[] = {SILICON_BAIYE, "sign",       "--key",     SILICON_KEY,
                         "--hardware",  "0x42F10301", "--version", (char *)(uintptr_t)version,
                         "--counter",   number,       "-o",        path,
                         "--slot-0",    slots[0],     "--slot-1",  slots[1],
                         NULL};
    pid_t pid;
    int status = 1;
    if (posix_spawn(&pid, SILICON_BAIYE, NULL, NULL, arguments, environ) != 0 ||
        waitpid(pid, &status, 0) != pid || status != 0)
        give_up("`baiye sign` failed", SILICON_BAIYE);
    uint8_t *data = read_file(path, size);
    (void)unlink(path);
    return data;
}

static const Elf32_Shdr *section(const uint8_t *elf, unsigned type)
{
    const Elf32_Ehdr *head = (const void *)elf;
    const Elf32_Shdr *sections = (const void *)(elf + head->e_shoff);
    for (unsigned i = 0; i < head->e_shnum; i++)
        if (sections[i].sh_type == type)
            return &sections[i];
    return NULL;
}

uint32_t bench_symbol(const char *program, const char *file, const char *name)
{
    size_t size;
    uint32_t value = 0;
    uint8_t *elf = bench_file(program, &size);
    const Elf32_Ehdr *head = (const void *)elf;
    const Elf32_Shdr *table = section(elf, SHT_SYMTAB);
    if (table == NULL)
        give_up("has no symbols", program);
    const Elf32_Shdr *texts =
        (const Elf32_Shdr *)(const void *)(elf + head->e_shoff) + table->sh_link;
    const Elf32_Sym *symbols = (const void *)(elf + table->sh_offset);
    bool here = file == NULL;
    for (size_t i = 0; i < table->sh_size / sizeof *symbols && value == 0; i++) {
        const char *text = (const char *)elf + texts->sh_offset + symbols[i].st_name;
        if (file != NULL && ELF32_ST_TYPE(symbols[i].st_info) == STT_FILE)
            here = strcmp(text, file) == 0;
        else if (here && strcmp(text, name) == 0)
            value = symbols[i].st_value;
    }
    free(elf);
    if (value == 0)
        give_up("has no such symbol", name);
    return value;
}

/* ---- what hangs on the wires ---- */

static void fram_write(struct wire_slave *s, unsigned index, uint8_t byte)
{
    if (index < 2)
        s->pointer = (index == 0 ? (uint32_t)byte << 8 : s->pointer | byte) % FRAM_SIZE;
    else {
        s->memory[s->pointer] = byte;
        s->pointer = (s->pointer + 1) % FRAM_SIZE;
        s->writes++;
    }
}

static uint8_t fram_read(struct wire_slave *s, unsigned index)
{
    (void)index;
    uint8_t byte = s->memory[s->pointer];
    s->pointer = (s->pointer + 1) % FRAM_SIZE;
    return byte;
}

static void keep_command(struct wire_slave *s, unsigned index, uint8_t byte)
{
    if (index < sizeof s->command)
        s->command[index] = byte;
}

static uint8_t crc8(const uint8_t *data)
{
    uint8_t crc = 0xFF;
    for (int i = 0; i < 2; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (uint8_t)(crc << 1 ^ (crc & 0x80 ? 0x31 : 0));
    }
    return crc;
}

/* 20.00 degrees, 50 %. */
static uint8_t air_read(struct wire_slave *s, unsigned index)
{
    static const uint8_t words[2][2] = {{0x5F, 0x15}, {0x80, 0x00}};
    (void)s;
    unsigned word = index / 3 % 2;
    return index % 3 == 2 ? crc8(words[word]) : words[word][index % 3];
}

/* 1,200 counts: 2,226 lx by the short measurement that the driver asks for. */
static uint8_t light_read(struct wire_slave *s, unsigned index)
{
    (void)s;
    return index == 0 ? 0x04 : 0xB0;
}

void board_init(struct board *b, uint32_t serial)
{
    memset(b, 0, sizeof *b);
    b->part = part_new();
    memcpy(b->part->unique, &serial, sizeof serial);
    b->fram = (struct wire_slave){.address = 0x50,
                                  .least_mv = 2700,
                                  .write = fram_write,
                                  .read = fram_read,
                                  .memory = b->fram_bytes};
    b->air =
        (struct wire_slave){.address = 0x44, .near = true, .write = keep_command, .read = air_read};
    b->light = (struct wire_slave){
        .address = 0x23, .near = true, .write = keep_command, .read = light_read};
    b->part->wire_buses = 2;
    b->air.clamps = b->light.clamps = true;
    b->part->wires[0] =
        (struct wires){.scl = 6, .sda = 7, .slave = {&b->air, &b->light}, .count = 2};
    b->part->wires[1] = (struct wires){.scl = 8, .sda = 9, .slave = {&b->fram}, .count = 1};
    b->part->onewire = (struct onewire){.mounted = true, .count = 20 * 16 + 4};
    for (unsigned i = 0; i < 2; i++) {
        b->part->wires[i].bit = -1;
        b->part->wires[i].scl_was = b->part->wires[i].sda_was = b->part->wires[i].sda_slave = true;
    }
}

void board_free(struct board *b)
{
    part_free(b->part);
}

void board_flash_slot(struct board *b, unsigned slot, const char *version, unsigned counter)
{
    size_t size, file_size;
    uint8_t *file = bench_image(version, counter, &file_size);
    const uint8_t *image = image_file_slot(file, file_size, slot, &size);
    if (image == NULL || size > SLOT_SIZE)
        give_up("no image for the slot", "baiye sign");
    memcpy(b->part->flash + SLOT_AT + slot * SLOT_SIZE, image, size);
    free(file);
}

struct line *bench_line(struct board *b, uint32_t serial)
{
    struct line *l = calloc(1, sizeof *l);
    if (l == NULL)
        give_up("no memory for a", "line");
    l->baud = 9600;
    l->parity = 'N';
    board_init(b, serial);
    line_add(l, b->part);
    return l;
}

void bench_end(struct line *l, struct board *b)
{
    board_free(b);
    free(l);
}

void board_flash(struct board *b, uint32_t serial, const char *version, unsigned counter)
{
    size_t size;
    uint8_t *loader = bench_file("baiye-boot.bin", &size);
    memset(b->part->flash, 0xFF, FLASH_END);
    memcpy(b->part->flash, loader, size);
    free(loader);
    const struct factory factory = {.hardware = HARDWARE, .serial = serial};
    if (factory_write(&factory, b->part->flash + 0x3C00, 1024) == 0)
        give_up("no factory page", "factory_write");
    board_flash_slot(b, 0, version, counter);
}

/* ---- the master ---- */

int bench_ask(struct line *l, const uint8_t *request, size_t size, uint8_t *answer)
{
    uint8_t frame[RTU_FRAME_MAX + 8];
    uint64_t silence = rtu_silence_us(l->baud) * TICKS_US;
    size_t sent = rtu_build(request[0], request + 1, size - 1, frame, sizeof frame);
    uint64_t end = line_send(l, l->now + silence, frame, sent);
    line_run(l, end);
    l->heard_to = end;
    int got = line_receive(l, frame, sizeof frame, silence, end + TICKS_S);
    if (got <= 0)
        return got;
    if (!rtu_check(frame, (size_t)got))
        return -got;
    memcpy(answer, frame, (size_t)got - 2);
    return got - 2;
}

int bench_tell(struct line *l, const uint8_t *request, size_t size, uint8_t *answer)
{
    uint8_t frame[RTU_FRAME_MAX + 8];
    if (request[0] != 0)
        return bench_ask(l, request, size, answer);
    uint64_t silence = rtu_silence_us(l->baud) * TICKS_US;
    size_t sent = rtu_build(0, request + 1, size - 1, frame, sizeof frame);
    uint64_t end = line_send(l, l->now + silence, frame, sent);
    line_run(l, end + BROADCAST_PAUSE);
    l->heard_to = l->now;
    return 0;
}

int bench_scan(struct line *l, bool first, uint8_t *answer)
{
    const uint8_t request[] = {0xFD, 0x46, first ? 1 : 2};
    uint8_t heard[512];
    size_t count = 0;
    uint64_t silence = rtu_silence_us(l->baud) * TICKS_US;
    size_t sent = rtu_build(request[0], request + 1, 2, heard, sizeof heard);
    uint64_t end = line_send(l, l->now + 2 * silence, heard, sent);
    line_run(l, end);
    l->heard_to = end;
    while (l->now < end + TICKS_S && count < sizeof heard) {
        int got = line_receive(l, heard + count, sizeof heard - count, silence, end + TICKS_S);
        count += (size_t)abs(got);
        for (size_t at = 0; at + RTU_FRAME_MIN <= count; at++)
            if (heard[at] == 0xFD && rtu_check(heard + at, count - at)) {
                memcpy(answer, heard + at, count - at - 2);
                return (int)(count - at) - 2;
            }
    }
    return 0;
}

bool bench_read(struct line *l, uint8_t unit, uint16_t address, uint16_t count, uint16_t *values)
{
    uint8_t answer[RTU_FRAME_MAX + 8] = {0};
    const uint8_t request[] = {unit,          4, (uint8_t)(address >> 8), (uint8_t)address, 0,
                               (uint8_t)count};
    int got = bench_ask(l, request, sizeof request, answer);
    if (got != 3 + 2 * count || answer[0] != unit || answer[1] != 4)
        return false;
    for (unsigned i = 0; i < count; i++)
        values[i] = (uint16_t)(answer[3 + 2 * i] << 8 | answer[4 + 2 * i]);
    return true;
}

bool bench_write(struct line *l, uint8_t unit, uint16_t address, uint16_t count,
                 const uint16_t *values)
{
    uint8_t answer[RTU_FRAME_MAX + 8] = {0}, request[RTU_FRAME_MAX];
    const uint8_t head[] = {unit,
                            16,
                            (uint8_t)(address >> 8),
                            (uint8_t)address,
                            0,
                            (uint8_t)count,
                            (uint8_t)(2 * count)};
    memcpy(request, head, sizeof head);
    for (unsigned i = 0; i < count; i++) {
        request[7 + 2 * i] = (uint8_t)(values[i] >> 8);
        request[8 + 2 * i] = (uint8_t)values[i];
    }
    int got = bench_ask(l, request, sizeof head + 2u * count, answer);
    return unit == 0 ? got == 0 : got == 6 && answer[1] == 16;
}

bool bench_update(struct line *l, struct update *update)
{
    struct update_request request;
    uint8_t frame[256], answer[264];
    int64_t again_ms;
    enum update_action action =
        update_next(update, (int64_t)(l->now / TICKS_MS), &request, &again_ms);
    if (action == UPDATE_WAIT)
        line_run(l, (uint64_t)again_ms * TICKS_MS);
    if (action != UPDATE_SEND_REQUEST)
        return action == UPDATE_WAIT;
    frame[0] = request.unit;
    memcpy(frame + 1, request.pdu, request.pdu_size);
    int got = bench_tell(l, frame, request.pdu_size + 1u, answer);
    update_answered(update, (int64_t)(l->now / TICKS_MS), got > 0 ? answer + 1 : NULL,
                    got > 0 ? (size_t)got - 1 : 0);
    return true;
}
