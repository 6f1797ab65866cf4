/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the node's register document and the gateway's profile of the node from the one table,
 * protocols/node_map/registers.def:
 *
 *   node-map document > protocols/node_map/NODE_MAP.md
 *   node-map profile  > gateway/profiles/baiye-node.yaml */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "protocols/node_log/node_log.h"
#include "protocols/node_map/node_text.h"

struct row_text {
    unsigned address, count;
    const char *type, *access, *unit, *text;
};

static const struct row_text rows[] = {
#define ROW(id, address, count, type, access, unit, text)                                          \
    {(address), (count), #type, #access, (unit), (text)},
#include "protocols/node_map/registers.def"
};

static const char *const status_bits[] = {
    "knows the wall time",
    "settings were unreadable: factory settings in force",
    "the memory that stays failed, at a write or from the start",
    "the last self-test failed",
    "unlocked",
    "address, rate or parity on trial",
    "settings written and not committed",
    "this boot was made by the watchdog or a fault",
    "still listens at 19,200 8E1",
    "another node answers at this address",
    "runs without its crystal: its clock may be minutes off within a day",
};

static const char *type_name(unsigned type)
{
    static const char *const names[] = {"u16", "s16", "u32", "s32", "bits", "text"};
    return names[type];
}

static const char *scale_name(unsigned decimals)
{
    static const char *const names[] = {"1", "0.1", "0.01", "0.001"};
    return names[decimals];
}

static void print_lower(const char *text)
{
    for (; *text; text++)
        putchar(tolower((unsigned char)*text));
}

static void print_registers(unsigned address, unsigned count)
{
    if (count > 1)
        printf("0x%04X-0x%04X", address, address + count - 1);
    else
        printf("0x%04X", address);
}

static void print_rows(unsigned first, unsigned last)
{
    printf("| registers | type | access | unit | what |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row_text *r = &rows[i];
        if (r->address < first || r->address > last)
            continue;
        printf("| ");
        print_registers(r->address, r->count);
        printf(" | ");
        print_lower(r->type);
        printf(" | %s | %s | %s |\n", r->access, r->unit, r->text);
    }
    printf("\n");
}

static void print_channels(void)
{
    printf("| channel | register | type | step | no value | metric | unit |\n"
           "|---|---|---|---|---|---|---|\n");
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        const struct node_channel *c = &node_channels[i];
        printf("| %u | ", i);
        print_registers(c->address, c->type == NODE_U32 ? 2 : 1);
        printf(" | %s | %s | 0x%X | %s | %s |\n", type_name(c->type), scale_name(c->decimals),
               (unsigned)c->no_value, node_channel_texts[i].metric, node_channel_texts[i].text);
    }
    printf("\n");
}

static void print_settings(void)
{
    printf(
        "| name | register | from | to | factory | step | what |\n|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct node_setting *s = &node_settings[i];
        const struct node_setting_text *t = &node_setting_texts[i];
        printf("| %s | 0x%04X | %u | %u | %u | %s%s%s | %s |\n", t->name, t->address, s->min,
               s->max, s->factory, t->unit[0] ? scale_name(t->decimals) : "", t->unit[0] ? " " : "",
               t->unit, t->text);
    }
    printf("\n");
}

static void print_window(void)
{
    static const char *const head[] = {
        "records that follow, 0 to 11",
        "boot of the first",
        "seq of the first (u32)",
        NULL,
        "uptime of the node when the first was taken, 0.1 s (u32)",
        NULL,
        "from record to record, 0.1 s",
        "UTC of the first, s (u32); 0: not known",
        NULL,
        "and ms",
        "boot of the newest record in the log, 0: it is empty",
        "its seq (u32)",
        NULL,
        "uptime of the node when the window was put together, 0.1 s (u32)",
        NULL,
    };
    printf("| word | what |\n|---|---|\n");
    for (unsigned i = 0; i < NODE_LOG_WINDOW_HEAD; i++) {
        if (head[i] != NULL)
            printf("| %u | %s |\n", i, head[i]);
    }
    printf("| %u, %u, … | records, %u words each |\n\n", NODE_LOG_WINDOW_HEAD,
           NODE_LOG_WINDOW_HEAD + NODE_LOG_RECORD_WORDS, NODE_LOG_RECORD_WORDS);
}

static void print_packing(void)
{
    printf("| channel | bits of the value | value = | bits of the flag |\n|---|---|---|---|\n");
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        const struct node_channel *c = &node_channels[i];
        unsigned flag_bits = i == CHANNEL_RAINFALL || i == CHANNEL_BATTERY_VOLTAGE ? 1 : 2;
        printf("| %s | %u | code × %u + %d | %u |\n", node_channel_texts[i].metric, c->pack_bits,
               c->pack_step, c->pack_offset, flag_bits);
    }
    printf("\n");
}

static void print_document(void)
{
    printf(
        "# Register map of the node, version %u\n\n"
        "Generated by `node-map document` from registers.def: do not edit.\n\n"
        "Addresses are protocol addresses, from 0. Functions 3 and 4 read the same registers;\n"
        "6, 16, 22 and 23 write. u32 and s32: high word first. A register that is not here is\n"
        "exception 2; a write to a read-only one, or of a value out of range, is exception 3; a\n"
        "write that the node cannot do now (locked, memory failed) is exception 4. A write of\n"
        "several registers is done whole or not at all.\n\n",
        NODE_MAP_VERSION_NUMBER);
    printf("## Snapshot\n\nOne request of up to %u registers is one consistent sample.\n\n",
           NODE_SNAPSHOT_SIZE);
    print_rows(0x0000, 0x003F);
    print_channels();
    printf("Flags: ");
    for (unsigned i = 0; i < METRIC_FLAG_COUNT; i++)
        printf("%s%u %s", i ? ", " : "", i, metric_flag_name((enum metric_flag)i));
    printf(".\n\nStatus bits:\n\n");
    for (size_t i = 0; i < sizeof status_bits / sizeof status_bits[0]; i++)
        printf("- %zu: %s\n", i, status_bits[i]);
    printf("\n## Raw counts, black box, identity\n\n");
    print_rows(0x0040, 0x00FF);
    printf("## Settings\n\n");
    print_rows(0x0100, 0x01FF);
    print_settings();
    printf("## Statistics, calibration, log, time, SDI-12\n\n");
    print_rows(0x0200, 0x07CF);
    printf("## Line\n\n");
    print_rows(0x07D0, 0x0FFF);
    printf("Bits: coil 0 is the lamp (it goes off by itself after a minute), coil 1 measures now,\n"
           "coil 2 tests the node; discrete input n says that channel n is good.\n\n");
    printf(
        "## The log window\n\n"
        "Write the boot and seq of the first record wanted to 0x%04X (function 16), then read\n"
        "from 0x%04X; or both with function 23. Boot 0 means from the oldest. The window begins\n"
        "with the first record that is there from that one on; its records are of one boot,\n"
        "follow each other without a hole, and are one interval apart. It stays as it is until\n"
        "the next write to 0x%04X.\n\n",
        NODE_LOG_WANTED, NODE_LOG_WINDOW, NODE_LOG_WANTED);
    print_window();
    printf(
        "A record is a string of bits, highest bit of the first byte first: one 0, then for each\n"
        "channel its value code and its flag (0 good, 1 range, 2 stuck, 3 uncalibrated). The\n"
        "highest %u value codes mean no value: all ones minus the flag as in the snapshot. Steps\n"
        "are those of the snapshot, so a record gives back what the snapshot showed.\n\n",
        NODE_PACK_FLAGS);
    print_packing();
}

static void print_profile_field(unsigned i)
{
    const struct node_channel *c = &node_channels[i];
    printf("  - { %smetric: %s, function: 4, register: %u, type: %s",
           i == CHANNEL_RAINFALL ? "role: counter, " : "", node_channel_texts[i].metric, c->address,
           type_name(c->type));
    if (c->decimals > 0)
        printf(", scale: %s", scale_name(c->decimals));
    if (i == CHANNEL_RAINFALL)
        printf(", wraps: %d", (int)node_channel_max(i) + 1);
    printf(", no_value: 0x%X, channel: %u }\n", (unsigned)c->no_value, i);
}

static void print_profile(void)
{
    printf("# SPDX-License-Identifier: Apache-2.0\n"
           "# Generated by `node-map profile` from protocols/node_map/registers.def: do not edit.\n"
           "label: Baiye sensor node\n"
           "serial: { baud: %u, parity: none }\n"
           "limits: { max_registers: %u, read_gap: 0, response_max: 500ms }\n"
           "address: { register: 0x%04X, default: %u }\n"
           "rate: { register: 0x%04X, codes: [",
           (unsigned)node_baud(NODE_BAUD_FACTORY), NODE_SNAPSHOT_SIZE, NODE_ADDRESS,
           NODE_ADDRESS_FACTORY, NODE_BAUD);
    for (uint16_t code = 0; node_baud(code); code++)
        printf("%s%u", code ? ", " : "", (unsigned)node_baud(code));
    printf("] }\nnode: true\nfields:\n"
           "  - { role: map_version, function: 4, register: %d, type: u16, expect: %d }\n"
           "  - { role: boot, function: 4, register: %d, type: u16 }\n"
           "  - { role: seq, function: 4, register: %d, type: u32 }\n"
           "  - { role: age, function: 4, register: %d, type: u16, no_value: 0xFFFF }\n"
           "  - { role: status, function: 4, register: %d, type: u16 }\n",
           NODE_MAP_VERSION, (int)NODE_MAP_VERSION_NUMBER, NODE_BOOT, NODE_SEQ, NODE_AGE,
           NODE_STATUS);
    for (unsigned i = 0; i < 3; i++)
        printf("  - { role: flags, function: 4, register: %u, type: u16, channel: %u }\n",
               NODE_FLAGS + i, 4 * i);
    for (unsigned i = 0; i < CHANNEL_COUNT; i++)
        print_profile_field(i);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "document") == 0)
        print_document();
    else if (argc == 2 && strcmp(argv[1], "profile") == 0)
        print_profile();
    else {
        (void)fputs("usage: node-map document|profile\n", stderr);
        return EX_USAGE;
    }
    return 0;
}
