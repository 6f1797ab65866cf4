/* SPDX-License-Identifier: Apache-2.0 */
/* One item of a profile's writes. */
#include <string.h>

#include "gateway/common/keys.h"
#include "gateway/daemon/config/profile.h"
#include "protocols/modbus/pdu.h"

static const char *const write_functions[] = {"5", "6", "15", "16", NULL};

static bool read_write_function(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const uint8_t codes[] = {5, 6, 15, 16};
    static const struct key key = {
        .name = "function", .kind = KEY_CHOICE, .choices = write_functions};
    uint8_t index;
    if (!keys_read_one(source, value, &key, &index))
        return false;
    ((struct write_config *)target)->function = codes[index];
    return true;
}

#define WRITE(member) KEY_MEMBER(struct write_config, member)

static bool read_value(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key key = {
        .name = "value", .kind = KEY_SIGNED, WRITE(value), .example = "1"};
    ((struct write_config *)target)->value_set = true;
    return keys_read_one(source, value, &key, target);
}

static bool read_off(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key key = {.name = "off", .kind = KEY_SIGNED, WRITE(off), .example = "0"};
    ((struct write_config *)target)->off_set = true;
    return keys_read_one(source, value, &key, target);
}

static bool read_write_limit(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key keys[] = {
        {.name = "register",
         .kind = KEY_INTEGER,
         WRITE(limit_address),
         .required = true,
         .example = "0x0010"},
        {.name = "function",
         .kind = KEY_INTEGER,
         WRITE(limit_function),
         .min = 5,
         .max = 16,
         .example = "6"},
        {.name = "step",
         .kind = KEY_MS,
         WRITE(limit_step_ms),
         .min = 1,
         .max = 3600000,
         .example = "1s"},
    };
    struct write_config *write = target;
    write->limit_function = MODBUS_WRITE_REGISTER;
    write->limit_step_ms = 1000;
    if (!keys_read(source, value, "limit", keys, sizeof keys / sizeof *keys, write))
        return false;
    return write->limit_function <= MODBUS_WRITE_REGISTER ||
           write->limit_function == MODBUS_WRITE_REGISTERS ||
           yaml_error(
               source, yaml_line(value),
               "limit: function %u tells no time; write 5 (a command that switches on for so "
               "long), 6 or 16 (a register that takes the time before)",
               write->limit_function);
}

/* `none`, `read back`, a register, or a register with the function that reads it. */
static bool read_write_verify(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key keys[] = {
        {.name = "register",
         .kind = KEY_INTEGER,
         WRITE(verify_address),
         .required = true,
         .example = "0x6003"},
        {.name = "function",
         .kind = KEY_INTEGER,
         WRITE(verify_function),
         .min = 1,
         .max = 4,
         .example = "4"},
    };
    struct write_config *write = target;
    const char *text = yaml_text(value);
    write->verify = VERIFY_ELSEWHERE;
    if (text == NULL)
        return keys_read(source, value, "verify", keys, sizeof keys / sizeof *keys, write);
    if (strcmp(text, "none") == 0 || strcmp(text, "read back") == 0) {
        write->verify = text[0] == 'n' ? VERIFY_NONE : VERIFY_READ_BACK;
        return true;
    }
    if (text[0] < '0' || text[0] > '9')
        return yaml_error(source, yaml_line(value),
                          "verify: \"%.40s\" is none of `none`, `read back`, and a register that "
                          "shows what was written, such as verify: 0x6003",
                          text);
    return keys_read_one(source, value, &keys[0], write);
}

static const struct key write_keys[] = {
    {.name = "name", .kind = KEY_NAME, WRITE(name), .required = true, .example = "clear-rain"},
    {.name = "function", .kind = KEY_FUNCTION, .read = read_write_function},
    {.name = "register",
     .kind = KEY_INTEGER,
     WRITE(address),
     .required = true,
     .example = "0x6002"},
    {.name = "min", .kind = KEY_SIGNED, WRITE(min), .required = true, .example = "0"},
    {.name = "max", .kind = KEY_SIGNED, WRITE(max), .required = true, .example = "1"},
    {.name = "unit", .kind = KEY_TEXT, WRITE(unit), .example = "Hz"},
    {.name = "scale", .kind = KEY_NUMBER, WRITE(scale), .example = "0.01"},
    {.name = "off", .kind = KEY_FUNCTION, .read = read_off},
    {.name = "max_on", .kind = KEY_S, WRITE(max_on_s), .example = "30min"},
    {.name = "limit", .kind = KEY_FUNCTION, .read = read_write_limit},
    {.name = "technician", .kind = KEY_BOOL, WRITE(technician), .example = "true"},
    {.name = "verify", .kind = KEY_FUNCTION, .read = read_write_verify},
    {.name = "value", .kind = KEY_FUNCTION, .read = read_value},
    {.name = "at_start", .kind = KEY_BOOL, WRITE(at_start), .example = "true"},
    {.name = "every",
     .kind = KEY_MS,
     WRITE(every_ms),
     .min = 100,
     .max = 86400e3,
     .example = "30s"},
};

/* What is written without being asked for must be wanted, and be in the range. */
static bool check_own(struct yaml_source *source, const struct write_config *write)
{
    bool own = write->at_start || write->every_ms > 0;
    if (own && !write->value_set)
        return yaml_error(
            source, write->line,
            "%s is written by the gateway itself, but not what; add for example value: "
            "1",
            write->name);
    if (!own && write->value_set)
        return yaml_error(
            source, write->line,
            "%s has a value and no time for it; add at_start: true, or every: 30s, or "
            "leave value out",
            write->name);
    if (own && (write->value < write->min || write->value > write->max))
        return yaml_error(source, write->line, "value %d of %s is outside its own range %d to %d",
                          write->value, write->name, write->min, write->max);
    if (own && write->max_on_s > 0)
        return yaml_error(source, write->line,
                          "%s is switched back after max_on, and would be switched on again; leave "
                          "max_on out, or at_start and every",
                          write->name);
    return true;
}

/* Coils are read back as coils or inputs, registers as registers. */
static bool check_verify(struct yaml_source *source, struct write_config *write)
{
    bool coil = write->function == MODBUS_WRITE_COIL || write->function == MODBUS_WRITE_COILS;
    if (write->verify != VERIFY_ELSEWHERE)
        return true;
    if (write->verify_function == 0)
        write->verify_function = coil ? 1 : 3;
    if (coil == (write->verify_function <= MODBUS_READ_DISCRETE))
        return true;
    return yaml_error(source, write->line, "verify: function %u reads no %s; write function: %s",
                      write->verify_function, coil ? "coils" : "registers",
                      coil ? "1 or 2" : "3 or 4");
}

bool profile_read_write(struct yaml_source *source, const yaml_node_t *item, void *target)
{
    struct write_config *write = target;
    write->line = yaml_line(item);
    write->function = MODBUS_WRITE_REGISTER;
    write->scale = 1;
    if (!keys_read(source, item, "a write", write_keys, sizeof write_keys / sizeof *write_keys,
                   write))
        return false;
    if (write->min > write->max)
        return yaml_error(source, yaml_line(item), "min %d is above max %d; exchange them",
                          write->min, write->max);
    if (!(write->scale > 0))
        return yaml_error(source, yaml_line(item),
                          "scale %g of %s makes nothing of its steps; write for example 0.01",
                          write->scale, write->name);
    if (!write->off_set)
        write->off = write->min > 0 ? write->min : 0;
    if (write->off_set && (write->off < write->min || write->off > write->max))
        return yaml_error(source, yaml_line(item), "off %d of %s is outside its own range %d to %d",
                          write->off, write->name, write->min, write->max);
    return check_verify(source, write) && check_own(source, write);
}
