/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of node N in the run directory: nN.bus, nN.sdi, and nN.i2c and nN.pace (native) or nN.qmp
 * (QEMU).
 * Its memory is nN.nv, its slots for firmware nN.flash (native), its output nN.log. Before it is on
 * the line it is given its address and rate over its bus socket; after a power cut it comes back
 * with what it remembers. */
#include "tools/field/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocols/bytes/bytes.h"
#include "protocols/modbus/pdu.h"
#include "protocols/modbus/rtu.h"
#include "tools/field/endpoint.h"
#include "tools/field/gauge.h"
#include "tools/field/line.h"
#include "tools/field/process.h"
#include "tools/field/provision.h"
#include "tools/field/qmp.h"
#include "tools/field/sensors.h"

#define NS_PER_MS        1000000
#define NV_SIZE          32768
#define SERVICE_MS       60 /* a measurement of METER's probes takes 25..50 ms */
#define FRAME_SILENCE_US 20000
#define QUIET_MS         1200 /* after the last SDI-12 command of a sample nothing is measured */
#define ANSWER_MS        1000
#define NATIVE_T35       "300"
#define SNAPSHOT_HEAD    5 /* registers up to and with the age */
#define AGE_UNKNOWN      0xFFFF
#define DOMINANT         0xFF /* of an arbitration by serial number */

struct node_program {
    struct unit *unit;
    struct garden *garden;
    char base[96]; /* RUNDIR/nN */
    pid_t pid;
    struct endpoint bus, sdi, i2c, pace;
    struct node_pace paced;
    uint8_t report[sizeof(struct pace_report)]; /* so far */
    size_t report_size;
    struct qmp qmp;
    struct gauge gauge; /* if the scene gives it one */
    struct sensors sensors;
    struct sampler sampler;
    struct rtu_receiver receiver;
    struct provision provision;
    struct loop_timer silence; /* ends a frame without known length; provisioning's patience */
    struct loop_timer service; /* an SDI-12 measurement is over */
    struct loop_timer quiet;   /* the air of an emulated sensor may change */
    char command[SENSORS_TEXT_SIZE]; /* of SDI-12, so far */
    size_t command_size;
    char transfer[SENSORS_TEXT_SIZE]; /* of I2C, so far */
    size_t transfer_size;
};

static bool emulated(const struct node_program *node)
{
    return node->unit->scene->kind == UNIT_QEMU;
}

static bool has_gauge(const struct node_program *node)
{
    return node->unit->scene->bucket_mm > 0;
}

static void path_of(const struct node_program *node, const char *suffix, char *path, size_t size)
{
    (void)snprintf(path, size, "%s.%s", node->base, suffix);
}

/* ---- the line ---- */

static void provision_send(struct node_program *node)
{
    uint8_t frame[RTU_FRAME_MAX];
    size_t size = provision_request(&node->provision, frame, sizeof(frame));
    if (size == 0)
        return;
    endpoint_send(&node->bus, frame, size);
    loop_arm(&node->garden->loop, &node->silence, loop_now_ns() + (int64_t)ANSWER_MS * NS_PER_MS);
}

static void node_frame(struct node_program *node, const struct rtu_frame *frame)
{
    uint8_t bytes[RTU_FRAME_MAX];
    size_t size = rtu_build(frame->unit, frame->pdu, frame->pdu_size, bytes, sizeof(bytes));
    if (node->provision.done)
        line_answer(node->unit->line, node->unit, bytes, size, loop_now_ns());
    else if (provision_answer(&node->provision, bytes, size))
        provision_send(node);
}

static void wait_for_silence(struct node_program *node)
{
    uint64_t due_us = rtu_receiver_due_us(&node->receiver);
    if (node->provision.done && due_us != UINT64_MAX)
        loop_arm(&node->garden->loop, &node->silence, (int64_t)due_us * 1000);
}

static void bus_bytes(void *context, const uint8_t *bytes, size_t size)
{
    struct node_program *node = context;
    struct rtu_frame frame;
    uint64_t now_us = (uint64_t)loop_now_ns() / 1000;
    while (rtu_receiver_idle(&node->receiver, now_us, &frame))
        node_frame(node, &frame);
    if (size == 1 && bytes[0] == DOMINANT && loop_now_ns() < node->unit->line->arbitration_end_ns) {
        line_dominant(node->unit->line, node->unit, bytes[0]);
        return;
    }
    for (size_t i = 0; i < size; i++)
        if (rtu_receiver_feed(&node->receiver, bytes[i], true, now_us, &frame))
            node_frame(node, &frame);
    wait_for_silence(node);
}

static void silence_fires(void *context, int64_t now_ns)
{
    struct node_program *node = context;
    struct rtu_frame frame;
    while (rtu_receiver_idle(&node->receiver, (uint64_t)now_ns / 1000, &frame))
        node_frame(node, &frame);
    if (node->provision.done)
        return;
    if (!provision_silence(&node->provision))
        garden_log("%s: the node does not answer; see %s.log", node->base, node->base);
    else
        provision_send(node);
}

void node_hear(struct node_program *node, const uint8_t *bytes, size_t size)
{
    if (node->provision.done)
        endpoint_send(&node->bus, bytes, size);
}

void node_said(struct node_program *node, const uint8_t *frame, size_t size, int64_t end_ns)
{
    struct unit *unit = node->unit;
    struct byte_reader asked = byte_reader_init(unit->asked, unit->asked_size);
    uint8_t address = byte_read_u8(&asked), function = byte_read_u8(&asked);
    uint16_t first = byte_read_u16(&asked), count = byte_read_u16(&asked);
    /* A frame that a fault has spoilt tells nothing: its sequence number may be what was hit. */
    if (!rtu_check(frame, size) || asked.failed || address != frame[0] || function != frame[1] ||
        first != 0 || count < SNAPSHOT_HEAD || size != 5u + 2u * count ||
        (function != MODBUS_READ_HOLDING && function != MODBUS_READ_INPUT))
        return;
    struct byte_reader r = byte_reader_init(frame + 5, size - 5); /* after the map's version */
    uint16_t boot = byte_read_u16(&r);
    uint32_t seq = byte_read_u32(&r);
    uint16_t age = byte_read_u16(&r);
    if (age == AGE_UNKNOWN)
        return;
    int64_t built_ns = end_ns - wire_bytes_ns(&unit->rate, size);
    uint32_t samples = node->sampler.samples;
    if (!sampler_seen(&node->sampler, boot, seq, built_ns - (int64_t)age * 100 * NS_PER_MS))
        garden_log("%s: sample %u/%u belongs to no answer of its sensors", node->base, boot, seq);
    unit->taken += node->sampler.samples - samples;
}

static void emit(void *context, uint32_t boot, uint32_t seq, const struct sampler_round *round)
{
    struct node_program *node = context;
    const struct scene_line *line = node->unit->line->scene;
    for (int channel = 0; channel < SAMPLER_CHANNEL_COUNT && !line->quiet; channel++)
        if (round->channels & (1u << channel))
            ledger_node(&node->garden->ledger, garden_wall_ms(round->start_ns), line->name,
                        node->unit->address, boot, seq, round->doubtful,
                        sampler_metric((enum sampler_channel)channel), round->value[channel]);
}

/* ---- its time, while the line keeps it ---- */

struct node_pace *node_pace(struct node_program *node)
{
    return endpoint_connected(&node->pace) && node->pid > 0 ? &node->paced : NULL;
}

void node_order(struct node_program *node, const struct pace_order *order)
{
    node->paced.held = order->what != PACE_FREE;
    node->paced.reported = false;
    node->paced.number = order->number;
    if (order->what == PACE_HOLD)
        node->paced.spoke = 0;
    endpoint_send(&node->pace, order, sizeof(*order));
}

static void pace_bytes(void *context, const uint8_t *bytes, size_t size)
{
    struct node_program *node = context;
    for (size_t i = 0; i < size; i++) {
        node->report[node->report_size++] = bytes[i];
        if (node->report_size < sizeof(node->report))
            continue;
        node->report_size = 0;
        struct pace_report report;
        memcpy(&report, node->report, sizeof(report));
        if (!node->paced.held || report.number != node->paced.number)
            continue; /* it had not seen yet that it is free */
        node->paced.report = report;
        node->paced.reported = true;
        line_arbitration_step(node->unit->line);
    }
}

/* ---- the sensors ---- */

static void sdi_command(struct node_program *node)
{
    char answer[SENSORS_TEXT_SIZE];
    uint32_t rounds = node->sampler.count;
    struct loop *loop = &node->garden->loop;
    size_t size =
        sensors_sdi12(&node->sensors, node->command, node->command_size, answer, sizeof(answer));
    if (size)
        endpoint_send(&node->sdi, answer, size);
    if (node->sensors.soil.measuring || node->sensors.air.measuring)
        loop_arm(loop, &node->service, loop_now_ns() + (int64_t)SERVICE_MS * NS_PER_MS);
    if (!emulated(node))
        return;
    if (node->sampler.count != rounds)
        sampler_gives(&node->sampler, SAMPLER_AIR_TEMPERATURE, node->qmp.millidegrees / 1000.0);
    loop_arm(loop, &node->quiet, loop_now_ns() + (int64_t)QUIET_MS * NS_PER_MS);
}

static void sdi_bytes(void *context, const uint8_t *bytes, size_t size)
{
    struct node_program *node = context;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] <= ' ' || node->command_size == sizeof(node->command))
            node->command_size = 0; /* a break reads as 0 */
        if (bytes[i] > ' ')
            node->command[node->command_size++] = (char)bytes[i];
        if (bytes[i] == '!') {
            sdi_command(node);
            node->command_size = 0;
        }
    }
}

static void service_fires(void *context, int64_t now_ns)
{
    struct node_program *node = context;
    char answer[SENSORS_TEXT_SIZE];
    (void)now_ns;
    size_t size = sensors_service(&node->sensors, answer, sizeof(answer));
    if (size)
        endpoint_send(&node->sdi, answer, size);
}

static void quiet_fires(void *context, int64_t now_ns)
{
    struct node_program *node = context;
    (void)now_ns;
    qmp_set_air(&node->qmp, sensors_air_millidegrees(&node->sensors));
}

static void i2c_bytes(void *context, const uint8_t *bytes, size_t size)
{
    struct node_program *node = context;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != '\n') {
            if (node->transfer_size + 1 < sizeof(node->transfer))
                node->transfer[node->transfer_size++] = (char)bytes[i];
            continue;
        }
        char answer[SENSORS_TEXT_SIZE];
        node->transfer[node->transfer_size] = '\0';
        node->transfer_size = 0;
        endpoint_send(&node->i2c, answer,
                      sensors_i2c(&node->sensors, node->transfer, answer, sizeof(answer)));
    }
}

/* ---- the process ---- */

struct paths {
    char bus[128], sdi[128], i2c[128], pace[128], rain[128], qmp[128], nv[128], flash[128],
        log[128];
};

static struct paths paths_of(const struct node_program *node)
{
    struct paths paths = {.bus = ""};
    path_of(node, "bus", paths.bus, sizeof(paths.bus));
    path_of(node, "sdi", paths.sdi, sizeof(paths.sdi));
    path_of(node, "i2c", paths.i2c, sizeof(paths.i2c));
    path_of(node, "pace", paths.pace, sizeof(paths.pace));
    path_of(node, "rain", paths.rain, sizeof(paths.rain));
    path_of(node, "qmp", paths.qmp, sizeof(paths.qmp));
    path_of(node, "nv", paths.nv, sizeof(paths.nv));
    path_of(node, "flash", paths.flash, sizeof(paths.flash));
    path_of(node, "log", paths.log, sizeof(paths.log));
    return paths;
}

static uint32_t serial_of(const struct node_program *node)
{
    uint32_t serial = node->unit->scene->serial;
    return serial ? serial : 1000 + node->unit->spot;
}

/* With slots for updates when the image that nodes are delivered with is next to this program. */
static pid_t start_native(struct node_program *node, struct paths *paths)
{
    char program[256], image[256], serial[16];
    const char *named = getenv("BAIYE_NODE");
    if (named == NULL)
        process_sibling("baiye-node", 0, program, sizeof(program));
    else
        (void)snprintf(program, sizeof(program), "%s", named);
    process_sibling("baiye-node.img", 0, image, sizeof(image));
    bool slots = access(image, R_OK) == 0;
    (void)snprintf(serial, sizeof(serial), "%u", serial_of(node));
    char *argv[22] = {program,    "--bus",  paths->bus,  "--sdi",    paths->sdi, "--i2c",
                      paths->i2c, "--nv",   paths->nv,   "--serial", serial,     "--t35-us",
                      NATIVE_T35, "--pace", paths->pace, NULL};
    size_t count = 15;
    if (has_gauge(node)) {
        argv[count++] = "--rain";
        argv[count++] = paths->rain;
    }
    if (slots) {
        argv[count++] = "--flash";
        argv[count++] = paths->flash;
        argv[count++] = "--image";
        argv[count++] = image;
    }
    return process_start(argv, paths->log);
}

/* The firmware's image: where BAIYE_FIRMWARE says, or in the board's build folder. */
static bool find_firmware(char *path, size_t size)
{
    static const char image[] = "lm3s6965evb/bin/baiye-node.elf";
    const char *named = getenv("BAIYE_FIRMWARE");
    if (named != NULL) {
        (void)snprintf(path, size, "%s", named);
        return access(path, R_OK) == 0;
    }
    for (unsigned up = 1; up <= 2; up++) {
        process_sibling(image, up, path, size);
        if (access(path, R_OK) == 0)
            return true;
    }
    return false;
}

static pid_t start_qemu(struct node_program *node, struct paths *paths)
{
    char firmware[256], bus[192], sdi[192], qmp[192], memory[192], network[64];
    uint32_t serial = serial_of(node);
    if (!find_firmware(firmware, sizeof(firmware))) {
        garden_log("no firmware at %s; build the preset lm3s6965evb", firmware);
        return -1;
    }
    (void)snprintf(bus, sizeof(bus), "socket,id=bus,path=%s", paths->bus);
    (void)snprintf(sdi, sizeof(sdi), "socket,id=sdi,path=%s", paths->sdi);
    (void)snprintf(qmp, sizeof(qmp), "socket,id=qmp,path=%s", paths->qmp);
    (void)snprintf(memory, sizeof(memory), "if=none,id=nv,file=%s,format=raw", paths->nv);
    /* The board's serial number is the end of its MAC address. */
    (void)snprintf(network, sizeof(network), "nic,macaddr=02:00:%02x:%02x:%02x:%02x", serial >> 24,
                   serial >> 16 & 0xFF, serial >> 8 & 0xFF, serial & 0xFF);
    char *argv[] = {"qemu-system-arm",
                    "-M",
                    "lm3s6965evb",
                    "-display",
                    "none",
                    "-nodefaults",
                    "-S", /* until its thermometer is set: qmp.h */
                    "-monitor",
                    "none",
                    "-kernel",
                    firmware,
                    "-chardev",
                    bus,
                    "-serial",
                    "chardev:bus",
                    "-chardev",
                    sdi,
                    "-serial",
                    "chardev:sdi",
                    "-chardev",
                    "stdio,id=console",
                    "-serial",
                    "chardev:console",
                    "-device",
                    "tmp105,id=air,address=0x48",
                    "-drive",
                    memory,
                    "-device",
                    "at24c-eeprom,address=0x50,rom-size=32768,drive=nv",
                    "-net",
                    network,
                    "-chardev",
                    qmp,
                    "-mon",
                    "chardev=qmp,mode=control",
                    NULL};
    return process_start(argv, paths->log);
}

/* The memory that stays: made once, all ones as from the factory. */
static bool make_memory(const char *path)
{
    uint8_t blank[NV_SIZE];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno == EEXIST;
    memset(blank, 0xFF, sizeof(blank));
    bool good = write(fd, blank, sizeof(blank)) == (ssize_t)sizeof(blank);
    return close(fd) == 0 && good;
}

static bool start(struct node_program *node)
{
    struct paths paths = paths_of(node);
    if (!make_memory(paths.nv)) {
        garden_log("%s: %s", paths.nv, strerror(errno));
        return false;
    }
    rtu_receiver_init(&node->receiver, FRAME_SILENCE_US);
    node->command_size = node->transfer_size = node->report_size = 0;
    node->paced = (struct node_pace){0};
    node->qmp.ready = false;
    node->pid = emulated(node) ? start_qemu(node, &paths) : start_native(node, &paths);
    return node->pid > 0;
}

static bool open_sockets(struct node_program *node)
{
    struct paths paths = paths_of(node);
    bool good = endpoint_open(&node->bus, paths.bus) && endpoint_open(&node->sdi, paths.sdi) &&
                (emulated(node) ? qmp_open(&node->qmp, paths.qmp)
                                : endpoint_open(&node->i2c, paths.i2c) &&
                                      endpoint_open(&node->pace, paths.pace)) &&
                (!has_gauge(node) || gauge_open(&node->gauge, paths.rain));
    if (!good)
        garden_log("%s: %s", node->base, strerror(errno));
    return good;
}

struct node_program *node_start(struct unit *unit)
{
    struct node_program *node = calloc(1, sizeof(*node));
    if (node == NULL)
        abort();
    struct loop *loop = &unit->garden->loop;
    node->unit = unit;
    node->garden = unit->garden;
    (void)snprintf(node->base, sizeof(node->base), "%s/n%u", unit->garden->dir, unit->spot);
    sensors_init(&node->sensors, unit->garden, unit->spot, &node->sampler);
    node->sampler.emit = emit;
    node->sampler.context = node;
    node->silence = (struct loop_timer){.fire = silence_fires, .context = node};
    node->service = (struct loop_timer){.fire = service_fires, .context = node};
    node->quiet = (struct loop_timer){.fire = quiet_fires, .context = node};
    endpoint_init(&node->bus, loop, bus_bytes, node);
    endpoint_init(&node->sdi, loop, sdi_bytes, node);
    endpoint_init(&node->i2c, loop, i2c_bytes, node);
    endpoint_init(&node->pace, loop, pace_bytes, node);
    gauge_init(&node->gauge, unit->garden, unit->scene->bucket_mm);
    qmp_init(&node->qmp, loop, sensors_air_millidegrees(&node->sensors));
    provision_init(&node->provision, unit->address, &unit->rate, (uint16_t)unit->scene->period_s);
    if (open_sockets(node) && start(node))
        return node;
    node_stop(node);
    return NULL;
}

void node_stop(struct node_program *node)
{
    struct loop *loop = &node->garden->loop;
    process_kill(node->pid);
    loop_disarm(loop, &node->silence);
    loop_disarm(loop, &node->service);
    loop_disarm(loop, &node->quiet);
    endpoint_close(&node->bus);
    endpoint_close(&node->sdi);
    endpoint_close(&node->i2c);
    endpoint_close(&node->pace);
    qmp_close(&node->qmp);
    gauge_close(&node->gauge);
    free(node);
}

void node_power(struct node_program *node, bool on)
{
    if (!on) {
        process_kill(node->pid);
        node->pid = 0;
        sampler_cut(&node->sampler);
    } else if (!start(node)) {
        garden_log("%s: cannot be started again", node->base);
    }
}

bool node_tip(struct node_program *node, uint64_t tips)
{
    if (has_gauge(node))
        gauge_tip(&node->gauge, tips);
    return has_gauge(node);
}

uint64_t node_tips(const struct node_program *node)
{
    return node->gauge.counted;
}

/* Asked again and again until the garden is ready: also what starts the provisioning. */
bool node_ready(struct node_program *node)
{
    if (!node->provision.done && endpoint_connected(&node->bus) && node->silence.place == 0)
        provision_send(node);
    return node->provision.done && endpoint_connected(&node->sdi) &&
           (emulated(node) || endpoint_connected(&node->pace)) &&
           (!has_gauge(node) || endpoint_connected(&node->gauge.contact));
}

void node_look_after(struct node_program *node)
{
    int status;
    if (!process_ended(node->pid, &status))
        return;
    garden_log("%s: the node ended by itself (%s %d); see %s.log", node->base,
               WIFSIGNALED(status) ? "signal" : "exit code",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), node->base);
    node->pid = 0;
}
