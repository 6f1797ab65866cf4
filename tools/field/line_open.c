/* SPDX-License-Identifier: Apache-2.0 */
/* A line's port and units: opened and closed, plugged in and out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/field/line.h"
#include "tools/field/node.h"
#include "tools/field/tcp.h"
#include "tools/field/trouble.h"

static bool open_port(struct line *line)
{
    char path[256];
    bool tcp = line->scene->type != LINE_RTU;
    (void)snprintf(path, sizeof(path), tcp ? "%s/%s.port" : "%s/%s", line->garden->dir,
                   line->scene->name);
    bool good = false;
    if (line->scene->type == LINE_TCP)
        good = (line->tcp = tcp_open(line, path)) != NULL;
    else if (tcp)
        good = port_open_tcp(&line->port, path, line->scene->port);
    else
        good = port_open_pty(&line->port, path, &line->rate);
    if (!good)
        garden_log("line %s: cannot open %s: %s", line->scene->name, path, strerror(errno));
    line->plugged = good;
    line->pty = port_pty(&line->port);
    return good;
}

static void close_port(struct line *line)
{
    if (line->tcp != NULL)
        tcp_close(line->tcp);
    line->tcp = NULL;
    port_close(&line->port);
}

static bool make_units(struct line *line, uint32_t *place)
{
    size_t count = 0, made = 0;
    for (unsigned i = 0; i < line->scene->units_count; i++)
        count += line->scene->units[i].count;
    line->units = calloc(count ? count : 1, sizeof(*line->units));
    if (line->units == NULL)
        abort();
    line->unit_count = count;
    for (unsigned i = 0; i < line->scene->units_count; i++) {
        const struct scene_unit *entry = &line->scene->units[i];
        for (unsigned k = 0; k < entry->count; k++) {
            struct unit *unit = &line->units[made++];
            unit_init(unit, line->garden, line, entry, (uint8_t)(entry->address + k), (*place)++,
                      &line->rate);
            if (entry->kind <= UNIT_QEMU && (unit->node = node_start(unit)) == NULL)
                return false;
        }
    }
    return true;
}

struct line *line_open(struct garden *garden, const struct scene_line *scene, uint32_t *place)
{
    struct line *line = calloc(1, sizeof(*line));
    if (line == NULL)
        abort();
    line->garden = garden;
    line->scene = scene;
    line->rate = (struct wire_rate){scene->baud, scene_parity(scene->parity), scene->stop_bits};
    line->sent_rate = line->rate;
    line->rng = rng_named(garden->seed, scene->name);
    line->counts.gap_min_ns = -1;
    if (scene->type == LINE_RTU)
        line->clock.latency = garden->latency;
    line_begin(line);
    line_arbitration_init(line);
    if (make_units(line, place) && open_port(line)) {
        for (size_t i = 0; i < line->unit_count; i++) {
            const struct scene_fault *babble_fault = &line->units[i].faults.of[FAULT_BABBLE];
            if (babble_fault->probability > 0)
                line_fault(line, &line->units[i], babble_fault);
            if (line->units[i].scene->kind == UNIT_MASTER)
                line->units[i].asks_ns = loop_now_ns();
        }
        if (scene->floating > 0)
            line->noise_ns = trouble_noise_ns(scene, &line->rng, loop_now_ns());
        line_schedule(line);
        return line;
    }
    line_free(line);
    return NULL;
}

void line_free(struct line *line)
{
    loop_disarm(&line->garden->loop, &line->timer);
    loop_disarm(&line->garden->loop, &line->arbitration.timer);
    for (size_t i = 0; line->units != NULL && i < line->unit_count; i++) {
        if (line->units[i].node != NULL)
            node_stop(line->units[i].node);
    }
    close_port(line);
    free(line->units);
    free(line);
}

void line_unplug(struct line *line)
{
    if (line->plugged)
        close_port(line);
    line->plugged = false;
    line->saying = false;
}

bool line_plug(struct line *line)
{
    return line->plugged || open_port(line);
}
