/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/commission/plan.h"

#include <stdio.h>
#include <string.h>

#include "gateway/daemon/config/config.h"

#define LAST_ADDRESS 246 /* 247 is for new nodes */

static bool is_new(const struct plan_device *device)
{
    return device->kind == PLAN_NODE || device->kind == PLAN_PROBE || device->kind == PLAN_PERHAPS;
}

static const char *const kinds[] = {"known", "node", "probe", "perhaps", "unknown", "garbled"};

const char *plan_kind_name(enum plan_kind kind)
{
    return kinds[kind];
}

enum plan_kind plan_kind_of(const char *name)
{
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i], name) == 0)
            return (enum plan_kind)i;
    }
    return PLAN_UNKNOWN;
}

const char *plan_parity_name(char parity)
{
    return parity == 'E' ? "even" : parity == 'O' ? "odd" : "none";
}

uint8_t plan_free_address(const bool taken[256])
{
    for (unsigned unit = 1; unit <= LAST_ADDRESS; unit++) {
        if (!taken[unit])
            return (uint8_t)unit;
    }
    return 0;
}

bool plan_name_fits(const struct plan *plan, const char *name, const struct plan_device *but)
{
    size_t size = strlen(name);
    if (size == 0 || size >= CONFIG_NAME_SIZE ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != size)
        return false;
    for (unsigned i = 0; i < plan->name_count; i++) {
        if (strcmp(plan->names[i], name) == 0)
            return false;
    }
    for (unsigned i = 0; i < plan->count; i++) {
        if (&plan->devices[i] != but && strcmp(plan->devices[i].name, name) == 0)
            return false;
    }
    return true;
}

bool plan_label_fits(const char *text)
{
    bool name = text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < ' ' || strchr("\"\\\x7f", text[i]) != NULL)
            return false;
    }
    return !name && size < PLAN_LABEL && size > 1;
}

static void give_name(const struct plan *plan, struct plan_device *device)
{
    const char *kind = device->kind == PLAN_NODE ? "node" : device->profile;
    for (unsigned more = 0; more <= plan->name_count + plan->count; more++) {
        char name[40];
        int length = more == 0 ? snprintf(name, sizeof name, "%.24s-%u", kind, device->to)
                               : snprintf(name, sizeof name, "%.20s-%u-%u", kind, device->to, more);
        if (length > 0 && plan_name_fits(plan, name, device)) {
            (void)snprintf(device->name, sizeof device->name, "%s", name);
            return;
        }
    }
}

void plan_names(struct plan *plan)
{
    for (unsigned i = 0; i < plan->count; i++) {
        if (is_new(&plan->devices[i]) && plan->devices[i].to != 0)
            give_name(plan, &plan->devices[i]);
    }
}

void plan_places(struct plan *plan)
{
    bool taken[256], kept[256];
    memcpy(taken, plan->used, sizeof taken);
    memcpy(kept, plan->used, sizeof kept);
    for (unsigned i = 0; i < plan->count; i++)
        taken[plan->devices[i].unit] = true;
    for (unsigned i = 0; i < plan->count; i++) {
        struct plan_device *device = &plan->devices[i];
        bool factory = device->kind == PLAN_NODE && device->unit == PLAN_FACTORY;
        if (device->kind == PLAN_KNOWN || kept[device->unit] || factory ||
            device->unit > PLAN_FACTORY)
            continue;
        device->to = device->unit;
        kept[device->unit] = true;
    }
    for (unsigned i = 0; i < plan->count; i++) {
        struct plan_device *device = &plan->devices[i];
        if (!is_new(device))
            continue;
        if (device->to == 0)
            device->to = plan_free_address(taken);
        taken[device->to] = true;
    }
    plan_names(plan);
}

static bool is_own_name(const struct plan_device *device)
{
    char name[40];
    const char *kind = device->kind == PLAN_NODE ? "node" : device->profile;
    (void)snprintf(name, sizeof name, "%.24s-%u", kind, device->to);
    return strcmp(name, device->name) == 0;
}

void plan_moved(struct plan *plan, struct plan_device *device, uint8_t to)
{
    bool own_name = is_own_name(device);
    device->to = to;
    if (own_name)
        give_name(plan, device);
}

bool plan_item(const struct plan *plan, const struct plan_device *device, char out[PLAN_ITEM])
{
    char rate[48] = "", label[PLAN_LABEL + 16] = "";
    if (device->label[0] != '\0')
        (void)snprintf(label, sizeof label, "label: \"%s\", ", device->label);
    if (device->baud != plan->baud)
        (void)snprintf(rate, sizeof rate, ", baud: %u", device->baud);
    if (device->parity != plan->parity)
        (void)snprintf(rate + strlen(rate), sizeof rate - strlen(rate), ", parity: %s",
                       plan_parity_name(device->parity));
    int length = snprintf(out, PLAN_ITEM,
                          "{ name: %s, %sprofile: %s, address: %u%s, every: " PLAN_EVERY " }",
                          device->name, label, device->profile, device->unit, rate);
    return length > 0 && length < PLAN_ITEM;
}
