/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/control.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/field/line.h"
#include "tools/field/node.h"

#define LINE_SIZE   4096
#define CLIENTS_MAX 8

struct client {
    struct control *control;
    struct loop_watch watch;
    char text[LINE_SIZE];
    size_t size;
};

struct control {
    struct garden *garden;
    struct loop_watch listen;
    char path[108];
    struct client clients[CLIENTS_MAX];
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static double number_of(const json_t *object, const char *key, double otherwise)
{
    const json_t *item = json_object_get(object, key);
    return json_is_number(item) ? json_number_value(item) : otherwise;
}

static struct line *find_line(struct garden *garden, const json_t *command)
{
    const char *name = text_of(command, "line");
    for (size_t i = 0; i < garden->line_count; i++)
        if (strcmp(garden->lines[i]->scene->name, name) == 0)
            return garden->lines[i];
    return NULL;
}

static const char *do_fault(struct garden *garden, const json_t *command)
{
    struct line *line = find_line(garden, command);
    struct scene_fault fault = {.probability = number_of(command, "probability", 1),
                                .ms = (uint32_t)number_of(command, "ms", 0),
                                .max_ms = (uint32_t)number_of(command, "max_ms", 0)};
    int address = (int)number_of(command, "unit", 0);
    if (line == NULL)
        return "no such line";
    if (!scene_fault_parse(text_of(command, "kind"), &fault.kind))
        return "no such kind of fault";
    bool found = false;
    for (size_t i = 0; i < line->unit_count; i++) {
        if (address && line->units[i].address != address)
            continue;
        line_fault(line, &line->units[i], &fault);
        found = true;
    }
    return found ? NULL : "no such unit";
}

static const char *do_deafen(struct garden *garden, const json_t *command)
{
    struct line *line = find_line(garden, command);
    if (line == NULL)
        return "no such line";
    return line_deafen(line) ? NULL : "it is no serial line";
}

static const char *do_power(struct garden *garden, const json_t *command)
{
    struct line *line = find_line(garden, command);
    bool on = json_is_true(json_object_get(command, "on"));
    if (line == NULL)
        return "no such line";
    struct unit *unit = line_unit(line, (uint8_t)number_of(command, "unit", 0));
    if (unit == NULL)
        return "no such unit";
    if (unit->powered != on && unit->node != NULL) {
        unit->heard = unit->line->overheard.count; /* nothing of what was said while it was off */
        node_power(unit->node, on);
    }
    if (!on)
        relay_power_off(&unit->relay);
    unit->powered = on;
    return NULL;
}

/* Somebody's hand at the board. */
static const char *do_output(struct garden *garden, const json_t *command)
{
    struct line *line = find_line(garden, command);
    struct unit *unit =
        line != NULL ? line_unit(line, (uint8_t)number_of(command, "unit", 0)) : NULL;
    double output = number_of(command, "output", 0);
    if (unit == NULL || unit->scene->kind != UNIT_RELAY || output < 0 || output >= RELAY_OUTPUTS)
        return "no such output";
    relay_set(&unit->relay, (unsigned)output, json_is_true(json_object_get(command, "on")));
    return NULL;
}

static const char *do_tips(struct garden *garden, const json_t *command)
{
    struct line *line = find_line(garden, command);
    struct unit *unit =
        line != NULL ? line_unit(line, (uint8_t)number_of(command, "unit", 0)) : NULL;
    if (unit == NULL || unit->node == NULL ||
        !node_tip(unit->node, (uint64_t)number_of(command, "count", 1)))
        return "no such unit with a rain gauge";
    return NULL;
}

static const char *do_plug(struct garden *garden, const json_t *command, bool in)
{
    struct line *line = find_line(garden, command);
    if (line == NULL)
        return "no such line";
    if (!in)
        line_unplug(line);
    else if (!line_plug(line))
        return "the line cannot be opened again";
    return NULL;
}

static void add(json_t *object, const char *key, uint64_t value)
{
    (void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void add_outputs(json_t *entry, struct unit *unit)
{
    json_t *outputs = json_array();
    for (unsigned i = 0; i < RELAY_OUTPUTS; i++)
        (void)json_array_append_new(
            outputs, json_boolean(relay_is_on(&unit->relay, i, loop_now_ns() / 1000000)));
    (void)json_object_set_new(entry, "outputs", outputs);
    add(entry, "switched", unit->relay.switched);
}

static uint64_t add_units(json_t *object, const struct line *line)
{
    uint64_t taken = 0;
    json_t *units = json_array();
    (void)json_object_set_new(object, "units", units);
    for (size_t i = 0; i < line->unit_count; i++) {
        struct unit *unit = &line->units[i];
        json_t *entry = json_object();
        add(entry, "unit", unit->address);
        if (unit->scene->name != NULL && unit->scene->count == 1)
            (void)json_object_set_new(entry, "name", json_string(unit->scene->name));
        (void)json_object_set_new(entry, "kind",
                                  json_string(scene_unit_kind_name(unit->scene->kind)));
        add(entry, "requests", unit->requests);
        add(entry, "answers", unit->answers);
        add(entry, "taken", unit->taken);
        if (unit->node != NULL && unit->scene->bucket_mm > 0)
            add(entry, "tips", node_tips(unit->node));
        if (unit->scene->kind == UNIT_RELAY)
            add_outputs(entry, unit);
        taken += unit->taken;
        (void)json_array_append_new(units, entry);
    }
    return taken;
}

static void add_faults(json_t *object, const struct fault_counts *counts)
{
    json_t *faults = json_object();
    (void)json_object_set_new(object, "faults", faults);
    for (int kind = 0; kind < FAULT_KIND_COUNT; kind++)
        if (counts->done[kind])
            add(faults, scene_fault_name((enum fault_kind)kind), counts->done[kind]);
    add(object, "undetectable", counts->undetectable);
}

static uint64_t add_line(json_t *lines, const struct line *line)
{
    const struct line_counts *counts = &line->counts;
    json_t *object = json_object();
    (void)json_object_set_new(object, "line", json_string(line->scene->name));
    add(object, "requests", counts->requests);
    add(object, "garbled", counts->garbled);
    add(object, "answers", counts->answers);
    add(object, "broadcasts", counts->broadcasts);
    add(object, "t35_violations", counts->t35_violations);
    add(object, "unheard", counts->unheard);
    add(object, "collisions", counts->collisions);
    add(object, "mismatched", counts->mismatched);
    add(object, "writes", counts->writes);
    add(object, "shared_writes", counts->shared_writes);
    add(object, "overrun", counts->overrun);
    add(object, "busy_us", (uint64_t)(counts->busy_ns / 1000));
    json_t *mark = json_object();
    add(mark, "t_ns", (uint64_t)counts->mark_ns);
    add(mark, "busy_ns", (uint64_t)counts->mark_busy_ns);
    add(mark, "answers", counts->mark_answers);
    (void)json_object_set_new(object, "mark", mark);
    (void)json_object_set_new(
        object, "gap_min_us",
        counts->gap_min_ns < 0 ? json_null() : json_real((double)counts->gap_min_ns / 1000));
    add_faults(object, &counts->faults);
    uint64_t taken = add_units(object, line);
    (void)json_array_append_new(lines, object);
    return taken;
}

static void do_counts(struct garden *garden, json_t *answer)
{
    uint64_t taken = 0;
    json_t *lines = json_array();
    (void)json_object_set_new(answer, "lines", lines);
    for (size_t i = 0; i < garden->line_count; i++)
        taken += add_line(lines, garden->lines[i]);
    add(answer, "taken", taken);
    add(answer, "ledger_lines", garden->ledger.lines);
    ledger_flush(&garden->ledger);
}

static const char *obey(struct garden *garden, const json_t *command, json_t *answer)
{
    const char *name = text_of(command, "cmd");
    if (strcmp(name, "fault") == 0)
        return do_fault(garden, command);
    if (strcmp(name, "power") == 0)
        return do_power(garden, command);
    if (strcmp(name, "tips") == 0)
        return do_tips(garden, command);
    if (strcmp(name, "output") == 0)
        return do_output(garden, command);
    if (strcmp(name, "deafen") == 0)
        return do_deafen(garden, command);
    if (strcmp(name, "unplug") == 0 || strcmp(name, "replug") == 0)
        return do_plug(garden, command, name[0] == 'r');
    if (strcmp(name, "stop-sampling") == 0)
        garden->sampling_stopped = true;
    else if (strcmp(name, "counts") != 0)
        return "no such command";
    do_counts(garden, answer);
    return NULL;
}

static void reply(struct client *client, char *line)
{
    json_t *answer = json_object(), *command = json_loads(line, 0, NULL);
    const char *error =
        json_is_object(command) ? obey(client->control->garden, command, answer) : "not JSON";
    (void)json_object_set_new(answer, "ok", json_boolean(error == NULL));
    if (error != NULL)
        (void)json_object_set_new(answer, "error", json_string(error));
    char *text = json_dumps(answer, JSON_COMPACT);
    if (text != NULL) {
        struct iovec parts[2] = {{text, strlen(text)}, {"\n", 1}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t sent = sendmsg(client->watch.fd, &message, MSG_NOSIGNAL);
        (void)sent; /* a client that does not wait for its answer loses it */
        free(text);
    }
    json_decref(command);
    json_decref(answer);
}

static void drop(struct client *client)
{
    int fd = client->watch.fd;
    loop_unwatch(&client->control->garden->loop, &client->watch);
    (void)close(fd);
    client->size = 0;
}

static void client_ready(void *context, uint32_t events)
{
    struct client *client = context;
    (void)events;
    ssize_t got = recv(client->watch.fd, client->text + client->size,
                       sizeof(client->text) - 1 - client->size, 0);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            drop(client);
        return;
    }
    client->size += (size_t)got;
    client->text[client->size] = '\0';
    char *start = client->text, *end;
    while ((end = strchr(start, '\n')) != NULL) {
        *end = '\0';
        reply(client, start);
        start = end + 1;
    }
    client->size -= (size_t)(start - client->text);
    memmove(client->text, start, client->size);
    if (client->size == sizeof(client->text) - 1)
        drop(client);
}

static void listen_ready(void *context, uint32_t events)
{
    struct control *control = context;
    (void)events;
    int fd = accept4(control->listen.fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = &control->clients[i];
        if (client->watch.fd < 0 && loop_watch(&control->garden->loop, &client->watch, fd, EPOLLIN))
            return;
    }
    (void)close(fd);
}

struct control *control_open(struct garden *garden, const char *path)
{
    struct control *control = calloc(1, sizeof(*control));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (control == NULL)
        abort();
    control->garden = garden;
    control->listen = (struct loop_watch){.fd = -1, .ready = listen_ready, .context = control};
    for (int i = 0; i < CLIENTS_MAX; i++) {
        control->clients[i].control = control;
        control->clients[i].watch =
            (struct loop_watch){.fd = -1, .ready = client_ready, .context = &control->clients[i]};
    }
    (void)snprintf(control->path, sizeof(control->path), "%s", path);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    (void)unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        listen(fd, CLIENTS_MAX) == 0 && loop_watch(&garden->loop, &control->listen, fd, EPOLLIN))
        return control;
    int saved = errno;
    if (fd >= 0)
        (void)close(fd);
    free(control);
    errno = saved;
    return NULL;
}

void control_close(struct control *control)
{
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (control->clients[i].watch.fd >= 0)
            drop(&control->clients[i]);
    int fd = control->listen.fd;
    loop_unwatch(&control->garden->loop, &control->listen);
    (void)close(fd);
    (void)unlink(control->path);
    free(control);
}
