/* SPDX-License-Identifier: Apache-2.0 */
/* Buses whose converter connects to the gateway: where it is listened, and how it is known. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/hex.h"
#include "gateway/common/language.h"
#include "gateway/common/units.h"
#include "gateway/daemon/config/draft.h"

#define HEX_PREFIX "hex:"

/* ---- Bytes ---- */

/* "AA 55 01"; false when it is no list of bytes, or too long. */
static bool parse_hex(const char *text, size_t size, struct dial_in_word *word)
{
    int high = -1;
    for (size_t i = 0; i < size; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0 && text[i] == ' ' && high < 0)
            continue;
        if (digit < 0 || word->size == DIAL_IN_WORD_SIZE)
            return false;
        if (high >= 0)
            word->bytes[word->size++] = (uint8_t)(high << 4 | digit);
        high = high < 0 ? digit : -1;
    }
    return high < 0 && word->size > 0;
}

/* `4G-0017`, `hex:AA 55 01`; a star at the end: others may follow. */
static bool parse_word(const char *text, struct dial_in_word *word)
{
    *word = (struct dial_in_word){0};
    size_t size = text != NULL ? strlen(text) : 0, skip = strlen(HEX_PREFIX);
    word->open = size > 0 && text[size - 1] == '*';
    size -= word->open;
    if (size > skip && strncmp(text, HEX_PREFIX, skip) == 0)
        return parse_hex(text + skip, size - skip, word);
    if (size == 0 || size > sizeof word->bytes)
        return false;
    memcpy(word->bytes, text, size);
    word->size = (uint8_t)size;
    return true;
}

static bool read_word(struct yaml_source *source, const yaml_node_t *value, const char *key,
                      struct dial_in_word *word)
{
    const char *text = yaml_text(value);
    if (parse_word(text, word))
        return true;
    return yaml_error(source, yaml_line(value),
                      "%s: \"%.60s\" is not 1 to %d bytes; write its text, as in %s: 4G-0017, or "
                      "its bytes, as in %s: \"hex:AA 55 01\"",
                      key, text != NULL ? text : _("(a list or mapping)"), DIAL_IN_WORD_SIZE, key,
                      key);
}

bool draft_registration(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct draft_bus *draft = target;
    draft->dial_in_line = yaml_line(value);
    return read_word(source, value, "registration", &draft->dial_in.registration);
}

/* Calls `read` for the one, or for each of a list. */
static bool each(struct yaml_source *source, const yaml_node_t *value, struct draft_bus *draft,
                 bool (*read)(struct yaml_source *, const yaml_node_t *, struct draft_bus *))
{
    if (draft->dial_in_line == 0)
        draft->dial_in_line = yaml_line(value);
    if (value->type != YAML_SEQUENCE_NODE)
        return read(source, value, draft);
    const yaml_node_item_t *item = value->data.sequence.items.start;
    for (; item < value->data.sequence.items.top; item++) {
        if (!read(source, yaml_at(source, *item), draft))
            return false;
    }
    return true;
}

static bool add_heartbeat(struct yaml_source *source, const yaml_node_t *value,
                          struct draft_bus *draft)
{
    struct dial_in_config *dial_in = &draft->dial_in;
    if (dial_in->heartbeat_count == DIAL_IN_HEARTBEATS_MAX)
        return yaml_error(source, yaml_line(value), "heartbeat: more than %d of one converter",
                          DIAL_IN_HEARTBEATS_MAX);
    struct dial_in_word *word = &dial_in->heartbeats[dial_in->heartbeat_count];
    if (!read_word(source, value, "heartbeat", word))
        return false;
    if (word->open)
        return yaml_error(source, yaml_line(value),
                          "heartbeat: a heartbeat has an end; write it whole, without the star");
    dial_in->heartbeat_count++;
    return true;
}

bool draft_heartbeats(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    return each(source, value, target, add_heartbeat);
}

/* ---- Addresses ---- */

/* IPv4 as ::ffff:a.b.c.d. */
static bool parse_address(const char *text, uint8_t address[16], unsigned *most_bits)
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    *most_bits = 128;
    if (inet_pton(AF_INET6, text, address) == 1)
        return true;
    *most_bits = 32;
    memcpy(address, mapped, sizeof mapped);
    return inet_pton(AF_INET, text, address + sizeof mapped) == 1;
}

static bool parse_network(const char *text, struct dial_in_network *network)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = text != NULL ? strchr(text, '/') : NULL;
    size_t size = text == NULL ? 0 : slash != NULL ? (size_t)(slash - text) : strlen(text);
    unsigned most;
    if (size == 0 || size >= sizeof address)
        return false;
    memcpy(address, text, size);
    address[size] = '\0';
    if (!parse_address(address, network->address, &most))
        return false;
    int64_t bits = most;
    if (slash != NULL && (!units_integer(slash + 1, &bits) || bits < 0 || bits > most))
        return false;
    network->bits = (uint8_t)(128 - most + (unsigned)bits);
    return true;
}

static bool add_network(struct yaml_source *source, const yaml_node_t *value,
                        struct draft_bus *draft)
{
    struct dial_in_config *dial_in = &draft->dial_in;
    const char *text = yaml_text(value);
    if (dial_in->from_count == DIAL_IN_FROM_MAX)
        return yaml_error(source, yaml_line(value), "from: more than %d networks; write fewer",
                          DIAL_IN_FROM_MAX);
    if (!parse_network(text, &dial_in->from[dial_in->from_count]))
        return yaml_error(source, yaml_line(value),
                          "from: \"%.60s\" is no network; write for example from: 10.64.0.0/16, or "
                          "a list of such",
                          text != NULL ? text : _("(a list or mapping)"));
    dial_in->from_count++;
    return true;
}

bool draft_from(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    return each(source, value, target, add_network);
}

/* ---- The bus ---- */

static bool is_wildcard(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

bool draft_dial_in(struct yaml_source *source, struct draft_bus *draft, bool response_set)
{
    struct bus_config *bus = &draft->bus;
    const struct dial_in_config *dial_in = &draft->dial_in;
    const char *text = yaml_text(draft->listen);
    uint8_t address[16];
    unsigned bits;
    if (draft->port != NULL)
        return yaml_error(source, yaml_line(draft->listen),
                          "bus \"%s\" has port and listen; write port where the gateway connects, "
                          "listen where the converter does",
                          bus->name);
    if (bus->type == BUS_RTU)
        return yaml_error(source, yaml_line(draft->listen),
                          "bus \"%s\" listens, but is a serial port; write type: rtu-over-tcp, or "
                          "type: tcp where the converter speaks Modbus TCP",
                          bus->name);
    bus->tcp_port = 0;
    if (text == NULL || !units_host(text, bus->port, sizeof bus->port, &bus->tcp_port) ||
        bus->tcp_port == 0 || !parse_address(bus->port, address, &bits))
        return yaml_error(source, yaml_line(draft->listen),
                          "listen: \"%.60s\" is not an own address and a port; write for example "
                          "listen: 0.0.0.0:8899",
                          text != NULL ? text : "");
    if (bus->close_after || bus->close_ms > 0)
        return yaml_error(source, bus->line,
                          "bus \"%s\" has close, but only its converter can connect again; leave "
                          "it out",
                          bus->name);
    if (dial_in->registration.size == 0 && dial_in->from_count == 0)
        return yaml_error(source, bus->line,
                          "bus \"%s\" would take any connection for its converter; write what it "
                          "sends first, as in registration: 4G-0017, or from: with its address",
                          bus->name);
    if (!response_set)
        bus->response_ms = DIAL_IN_RESPONSE_MS;
    return true;
}

bool draft_no_dial_in(struct yaml_source *source, const struct draft_bus *draft)
{
    if (draft->dial_in_line == 0)
        return true;
    return yaml_error(source, draft->dial_in_line,
                      "bus \"%s\" has registration, heartbeat or from, but does not listen; write "
                      "listen: 0.0.0.0:8899 in the place of port, or leave them out",
                      draft->bus.name);
}

static bool same_word(const struct dial_in_word *a, const struct dial_in_word *b)
{
    return a->size == b->size && a->open == b->open && memcmp(a->bytes, b->bytes, a->size) == 0;
}

bool draft_dial_in_apart(struct yaml_source *source, const struct draft_bus *from,
                         const struct bus_config *other)
{
    const struct bus_config *bus = &from->bus;
    const struct dial_in_word *word = &from->dial_in.registration;
    if (from->listen == NULL || other->dial_in == NULL || bus->tcp_port != other->tcp_port)
        return true;
    bool same = strcmp(bus->port, other->port) == 0;
    if (!same && (is_wildcard(bus->port) || is_wildcard(other->port)))
        return yaml_error(source, yaml_line(from->listen),
                          "buses \"%s\" (line %d) and \"%s\" listen on port %u of %s and of %s, "
                          "which overlap; write the same address in both",
                          other->name, other->line, bus->name, bus->tcp_port, other->port,
                          bus->port);
    if (!same)
        return true;
    if (word->size == 0 || other->dial_in->registration.size == 0)
        return yaml_error(source, bus->line,
                          "buses \"%s\" (line %d) and \"%s\" share %s:%u, and one of them has no "
                          "registration to tell its converter by; write one in both, or give each "
                          "a port of its own",
                          other->name, other->line, bus->name, bus->port, bus->tcp_port);
    if (same_word(word, &other->dial_in->registration))
        return yaml_error(source, from->dial_in_line,
                          "buses \"%s\" (line %d) and \"%s\" have the same registration; each "
                          "converter needs its own",
                          other->name, other->line, bus->name);
    return true;
}
