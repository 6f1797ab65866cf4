/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/notifier/sms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "gateway/common/clock.h"

#define MANAGER   "org.freedesktop.ModemManager1"
#define ROOT      "/org/freedesktop/ModemManager1"
#define MESSAGING MANAGER ".Modem.Messaging"
#define CALL_US   UINT64_C(30000000) /* of one call; a network takes its time to accept a message */
#define IDLE_MS   1000

/* One message on its way. */
struct job {
    struct sms *sms;
    const struct way_config *way; /* NULL: none */
    uint16_t index;
    uint8_t at, sent; /* the number that is asked for; how many were taken */
    char modem[128];
    char text[WAY_SMS_SIZE];
    sd_bus_slot *slot;
    enum way_outcome outcome; /* of the last one that failed */
    char why[WAY_WHY_SIZE];
};

struct sms {
    sms_done done;
    void *context;
    sd_bus *bus;
    struct job jobs[WAYS_MAX];
};

struct sms *sms_create(sms_done done, void *context)
{
    struct sms *sms = calloc(1, sizeof *sms);
    if (sms == NULL)
        return NULL;
    sms->done = done;
    sms->context = context;
    return sms;
}

static void drop_bus(struct sms *sms)
{
    for (unsigned i = 0; i < WAYS_MAX; i++)
        sms->jobs[i].slot = sd_bus_slot_unref(sms->jobs[i].slot);
    sms->bus = sd_bus_close_unref(sms->bus);
}

void sms_destroy(struct sms *sms)
{
    if (sms == NULL)
        return;
    drop_bus(sms);
    free(sms);
}

bool sms_open(struct sms *sms)
{
    if (sd_bus_open_system(&sms->bus) < 0)
        sms->bus = NULL;
    return sms->bus != NULL;
}

bool sms_is_open(const struct sms *sms)
{
    return sms->bus != NULL;
}

static void end(struct job *job, enum way_outcome outcome, const char *why)
{
    struct sms *sms = job->sms;
    uint16_t index = job->index;
    job->slot = sd_bus_slot_unref(job->slot);
    job->way = NULL;
    sms->done(sms->context, index, outcome, why);
}

/* ---- What ModemManager says ---- */

static const struct {
    const char *name; /* its beginning */
    enum way_outcome outcome;
    const char *why;
} errors[] = {
    {"org.freedesktop.DBus.Error.ServiceUnknown", WAY_LATER, "ModemManager does not run"},
    {"org.freedesktop.DBus.Error.NameHasNoOwner", WAY_LATER, "ModemManager does not run"},
    {"org.freedesktop.DBus.Error.AccessDenied", WAY_REFUSED,
     "ModemManager lets this user send nothing"},
    {MANAGER ".Error.Core.Unauthorized", WAY_REFUSED, "ModemManager lets this user send nothing"},
    {MANAGER ".Error.MobileEquipment.SimPin", WAY_REFUSED, "the SIM card wants its PIN"},
    {MANAGER ".Error.MobileEquipment.SimPuk", WAY_REFUSED, "the SIM card is locked (PUK)"},
    {MANAGER ".Error.MobileEquipment.SimNotInserted", WAY_REFUSED, "no SIM card is in the modem"},
    {MANAGER ".Error.Core.Unsupported", WAY_REFUSED, "the modem can't send text messages"},
    {MANAGER ".Error.Message.NetworkTimeout", WAY_LATER, "the mobile network does not answer"},
    {"org.freedesktop.DBus.Error.NoReply", WAY_LATER, "ModemManager does not answer"},
    {"org.freedesktop.DBus.Error.Timeout", WAY_LATER, "ModemManager does not answer"},
};

static void note_error(struct job *job, const sd_bus_error *error)
{
    const char *name = error != NULL && error->name != NULL ? error->name : "?";
    const char *dot = strrchr(name, '.');
    job->outcome = WAY_LATER;
    (void)snprintf(job->why, sizeof job->why, "the modem refuses: %.60s",
                   dot != NULL ? dot + 1 : name);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (strncmp(name, errors[i].name, strlen(errors[i].name)) != 0)
            continue;
        job->outcome = errors[i].outcome;
        (void)snprintf(job->why, sizeof job->why, "%s", errors[i].why);
        return;
    }
}

/* ---- Number by number ---- */

static void create_next(struct job *job);

static void number_done(struct job *job)
{
    char why[WAY_WHY_SIZE];
    job->at++;
    if (job->at < job->way->to_count) {
        create_next(job);
        return;
    }
    if (job->sent == job->at) {
        end(job, WAY_SENT, "");
    } else if (job->sent == 0) {
        memcpy(why, job->why, sizeof why);
        end(job, job->outcome, why);
    } else { /* again would be twice for the others */
        (void)snprintf(why, sizeof why, "only %u of %u numbers: %.60s", job->sent, job->at,
                       job->why);
        end(job, WAY_PARTLY, why);
    }
}

static int on_sent(sd_bus_message *reply, void *context, sd_bus_error *unused)
{
    struct job *job = context;
    (void)unused;
    if (sd_bus_message_is_method_error(reply, NULL))
        note_error(job, sd_bus_message_get_error(reply));
    else
        job->sent++;
    number_done(job);
    return 0;
}

static int on_created(sd_bus_message *reply, void *context, sd_bus_error *unused)
{
    struct job *job = context;
    const char *path = NULL;
    (void)unused;
    int result =
        sd_bus_message_is_method_error(reply, NULL) ? -1 : sd_bus_message_read(reply, "o", &path);
    if (result < 0) {
        note_error(job, sd_bus_message_get_error(reply));
        number_done(job);
        return 0;
    }
    sd_bus_message *call = NULL;
    result =
        sd_bus_message_new_method_call(job->sms->bus, &call, MANAGER, path, MANAGER ".Sms", "Send");
    job->slot = sd_bus_slot_unref(job->slot);
    if (result >= 0)
        result = sd_bus_call_async(job->sms->bus, &job->slot, call, on_sent, job, CALL_US);
    (void)sd_bus_message_unref(call);
    if (result < 0)
        end(job, WAY_LATER, "the request can't be made");
    return 0;
}

static void create_next(struct job *job)
{
    sd_bus_message *call = NULL;
    int result = sd_bus_message_new_method_call(job->sms->bus, &call, MANAGER, job->modem,
                                                MESSAGING, "Create");
    if (result >= 0)
        result = sd_bus_message_append(call, "a{sv}", 2, "number", "s", job->way->to[job->at],
                                       "text", "s", job->text);
    job->slot = sd_bus_slot_unref(job->slot);
    if (result >= 0)
        result = sd_bus_call_async(job->sms->bus, &job->slot, call, on_created, job, CALL_US);
    (void)sd_bus_message_unref(call);
    if (result < 0)
        end(job, WAY_LATER, "the request can't be made");
}

/* Does an object have the interface of text messages? Leaves the message behind the object. */
static int has_messaging(sd_bus_message *reply, bool *found)
{
    const char *interface = NULL;
    int result = sd_bus_message_enter_container(reply, 'a', "{sa{sv}}");
    while (result >= 0 && (result = sd_bus_message_enter_container(reply, 'e', "sa{sv}")) > 0) {
        result = sd_bus_message_read(reply, "s", &interface);
        if (result >= 0)
            result = sd_bus_message_skip(reply, "a{sv}");
        *found = *found || (result >= 0 && strcmp(interface, MESSAGING) == 0);
        if (result >= 0)
            result = sd_bus_message_exit_container(reply);
    }
    return result < 0 ? result : sd_bus_message_exit_container(reply);
}

/* The first modem that sends text messages. */
static bool find_modem(sd_bus_message *reply, char *modem, size_t size)
{
    bool found = false;
    int more = sd_bus_message_enter_container(reply, 'a', "{oa{sa{sv}}}");
    while (!found && more > 0) {
        const char *path = NULL;
        more = sd_bus_message_enter_container(reply, 'e', "oa{sa{sv}}");
        if (more <= 0 || sd_bus_message_read(reply, "o", &path) < 0 ||
            has_messaging(reply, &found) < 0)
            return false;
        found = found && strlen(path) < size;
        if (found)
            (void)snprintf(modem, size, "%s", path);
        more = sd_bus_message_exit_container(reply);
    }
    return found;
}

static int on_objects(sd_bus_message *reply, void *context, sd_bus_error *unused)
{
    struct job *job = context;
    (void)unused;
    if (sd_bus_message_is_method_error(reply, NULL)) {
        char why[WAY_WHY_SIZE];
        note_error(job, sd_bus_message_get_error(reply));
        memcpy(why, job->why, sizeof why);
        end(job, job->outcome, why);
    } else if (!find_modem(reply, job->modem, sizeof job->modem)) {
        end(job, WAY_LATER, "ModemManager has no modem that sends text messages");
    } else {
        create_next(job);
    }
    return 0;
}

void sms_begin(struct sms *sms, const struct way_config *way, const struct way_message *message)
{
    struct job *job = &sms->jobs[message->way];
    sd_bus_message *call = NULL;
    *job = (struct job){.sms = sms, .way = way, .index = message->way};
    way_sms_text(message, job->text);
    if (sms->bus == NULL) {
        end(job, WAY_LATER, "the system bus can't be reached");
        return;
    }
    int result = sd_bus_message_new_method_call(
        sms->bus, &call, MANAGER, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
    if (result >= 0)
        result = sd_bus_call_async(sms->bus, &job->slot, call, on_objects, job, CALL_US);
    (void)sd_bus_message_unref(call);
    if (result < 0)
        end(job, WAY_LATER, "the request can't be made");
}

/* ---- The loop ---- */

int sms_fd(const struct sms *sms, short *events)
{
    int wanted = sms->bus != NULL ? sd_bus_get_events(sms->bus) : 0;
    *events = (short)(wanted > 0 ? wanted : 0);
    return sms->bus != NULL ? sd_bus_get_fd(sms->bus) : -1;
}

int sms_wait_ms(const struct sms *sms)
{
    uint64_t until_us = 0;
    if (sms->bus == NULL || sd_bus_get_timeout(sms->bus, &until_us) <= 0 || until_us == UINT64_MAX)
        return IDLE_MS;
    uint64_t now_us = (uint64_t)clock_mono_ns() / 1000;
    uint64_t left_ms = until_us > now_us ? (until_us - now_us) / 1000 : 0;
    return left_ms < IDLE_MS ? (int)left_ms : IDLE_MS;
}

void sms_process(struct sms *sms)
{
    int result = 1;
    while (sms->bus != NULL && (result = sd_bus_process(sms->bus, NULL)) > 0)
        ;
    if (result >= 0)
        return;
    drop_bus(sms); /* it is gone */
    for (unsigned i = 0; i < WAYS_MAX; i++) {
        if (sms->jobs[i].way != NULL)
            end(&sms->jobs[i], sms->jobs[i].sent > 0 ? WAY_PARTLY : WAY_LATER,
                "the system bus has gone");
    }
}
