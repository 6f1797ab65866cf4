/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/report/uplink.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define MANAGER "org.freedesktop.ModemManager1"
#define ROOT    "/org/freedesktop/ModemManager1"
#define CALL_US UINT64_C(3000000)

/* ModemManager's MMModemAccessTechnology: the fastest that is used. */
static const char *access_name(uint32_t bits)
{
    static const struct {
        uint32_t bits;
        const char *name;
    } kinds[] = {{1u << 15, "5G"},
                 {1u << 14, "LTE"},
                 {1u << 16 | 1u << 17, "LTE-M, NB-IoT"},
                 {0x3E0, "UMTS/HSPA"},
                 {1u << 3 | 1u << 4, "GPRS/EDGE"},
                 {1u << 1 | 1u << 2, "GSM"}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if ((bits & kinds[i].bits) != 0)
            return kinds[i].name;
    }
    return "";
}

/* One property; what is not looked for is skipped. */
static int take_property(sd_bus_message *reply, const char *name, json_t *modem)
{
    const char *text = NULL;
    uint32_t number = 0;
    int recent = 0, result;
    if (strcmp(name, "SignalQuality") == 0) {
        result = sd_bus_message_read(reply, "v", "(ub)", &number, &recent);
        if (result > 0)
            (void)json_object_set_new(modem, "quality", json_integer(number));
    } else if (strcmp(name, "AccessTechnologies") == 0) {
        result = sd_bus_message_read(reply, "v", "u", &number);
        if (result > 0)
            (void)json_object_set_new(modem, "access", json_string(access_name(number)));
    } else if (strcmp(name, "OperatorName") == 0) {
        result = sd_bus_message_read(reply, "v", "s", &text);
        json_t *named = result > 0 ? json_string(text) : NULL; /* NULL: no UTF-8 */
        if (named != NULL)
            (void)json_object_set_new(modem, "operator", named);
    } else {
        result = sd_bus_message_skip(reply, "v");
    }
    return result;
}

static int take_interface(sd_bus_message *reply, json_t *modem)
{
    const char *interface = NULL, *name = NULL;
    int result = sd_bus_message_read(reply, "s", &interface);
    bool wanted = result > 0 && (strcmp(interface, MANAGER ".Modem") == 0 ||
                                 strcmp(interface, MANAGER ".Modem.Modem3gpp") == 0);
    if (!wanted)
        return result < 0 ? result : sd_bus_message_skip(reply, "a{sv}");
    result = sd_bus_message_enter_container(reply, 'a', "{sv}");
    while (result >= 0 && (result = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
        result = sd_bus_message_read(reply, "s", &name);
        if (result > 0)
            result = take_property(reply, name, modem);
        if (result >= 0)
            result = sd_bus_message_exit_container(reply);
    }
    return result < 0 ? result : sd_bus_message_exit_container(reply);
}

static int take_object(sd_bus_message *reply, json_t *modem)
{
    const char *path = NULL;
    int result = sd_bus_message_read(reply, "o", &path);
    if (result >= 0)
        result = sd_bus_message_enter_container(reply, 'a', "{sa{sv}}");
    while (result >= 0 && (result = sd_bus_message_enter_container(reply, 'e', "sa{sv}")) > 0) {
        result = take_interface(reply, modem);
        if (result >= 0)
            result = sd_bus_message_exit_container(reply);
    }
    return result < 0 ? result : sd_bus_message_exit_container(reply);
}

static void take_all(sd_bus_message *reply, json_t *modems)
{
    bool good = sd_bus_message_enter_container(reply, 'a', "{oa{sa{sv}}}") >= 0;
    while (good && sd_bus_message_enter_container(reply, 'e', "oa{sa{sv}}") > 0) {
        json_t *modem = json_object();
        good = take_object(reply, modem) >= 0;
        if (good && json_object_get(modem, "quality") != NULL)
            (void)json_array_append(modems, modem);
        json_decref(modem);
        good = good && sd_bus_message_exit_container(reply) >= 0;
    }
}

json_t *uplink_modems(void)
{
    json_t *modems = json_array();
    sd_bus *bus = NULL;
    sd_bus_message *call = NULL, *reply = NULL;
    if (sd_bus_open_system(&bus) >= 0 &&
        sd_bus_message_new_method_call(bus, &call, MANAGER, ROOT,
                                       "org.freedesktop.DBus.ObjectManager",
                                       "GetManagedObjects") >= 0 &&
        sd_bus_call(bus, call, CALL_US, NULL, &reply) >= 0)
        take_all(reply, modems);
    (void)sd_bus_message_unref(reply);
    (void)sd_bus_message_unref(call);
    (void)sd_bus_flush_close_unref(bus);
    return modems;
}
