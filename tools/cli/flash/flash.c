/* SPDX-License-Identifier: Apache-2.0 */
/* The steps, in this order, so that what can be refused is refused before the chip is touched:
 *
 *   data file, firmware, keys, ports ─> look at the chip ─> serial number from the register
 *   ─> erase, write, verify ─> start ─> self-test over the bus ─> label, register */
#include "tools/cli/flash/flash.h"
#include "gateway/common/hex.h"
#include "gateway/common/language.h"
#include "gateway/common/serial.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "protocols/image/factory.h"
#include "protocols/node_map/node_map.h"
#include "tools/cli/cli.h"
#include "tools/cli/flash/board.h"
#include "tools/cli/flash/content.h"
#include "tools/cli/flash/label.h"
#include "tools/cli/flash/port.h"
#include "tools/cli/flash/probe.h"
#include "tools/cli/flash/register.h"
#include "tools/cli/flash/self_test.h"
#include "tools/cli/outcome.h"
#include "tools/cli/screen.h"
#include "tools/cli/show.h"

#define REGISTER       "/var/lib/baiye/boards.csv"
#define WAIT_S         60
#define BAR            30
#define EX_INTERRUPTED 130 /* as a shell gives it */

struct options {
    const char *board, *boards, *probe, *adapter, *firmware, *boot, *image, *calibration;
    const char *list, *label;
    uint32_t serial; /* 0: the register says */
    bool replace, test_key, dry_run;
    struct self_test test; /* port NULL: none */
};

static const char usage[] =
    N_("Usage: baiye flash BOARD [OPTIONS]\n"
       "Writes boot loader, image, serial number and calibration into a board, verifies, tests it "
       "over\n"
       "its bus, prints a label and notes it in the register of devices.\n"
       "  --probe NAME        openocd, st-link, serial, dfu or uf2; the first that is there\n"
       "  --adapter NAME      serial: the port at the ROM's pins; uf2: the drive's folder; else\n"
       "                      the probe's serial number\n"
       "  --firmware DIR      folder of the boot loader and the image (the board's own)\n"
       "  --boot FILE, --image FILE  one of them from elsewhere\n"
       "  --test-key          take a boot loader that trusts the test key: for the bench only\n"
       "  --serial HEX        serial number; its own from before, else the next free one\n"
       "  --replace           the number was another chip's, or the chip had another number\n"
       "  --calibration FILE  calibration of this piece, over the board's\n"
       "  --register FILE     the register of devices (/var/lib/baiye/boards.csv)\n"
       "  --label FILE        where the label's PNG goes (label-SERIAL.png beside the register)\n"
       "  --port PORT         RS-485 adapter for the self-test; without it there is none\n"
       "  --unit N, --baud N  where the board answers, if not as new (247, 9600)\n"
       "  --wait SECONDS      for its first answer (60)\n"
       "  --no-sensors        no probes are connected on this bench\n"
       "  --boards DIR        folder of the boards' data files\n"
       "  --dry-run           print the commands, run none\n"
       "  --json              what was done, for programs\n");

/* ---- progress ---- */

struct meter {
    const char *step;
    int percent;
    bool terminal;
};

static void show(void *context, const char *step, int percent)
{
    struct meter *meter = context;
    bool begins = percent < 0 || meter->step != step;
    if (meter->terminal && percent >= 0) {
        (void)printf("\r");
        show_padded(gettext(step), 30);
        (void)printf(" [");
        for (int i = 0; i < BAR; i++)
            (void)putchar(i * 100 < percent * BAR ? '#' : '.');
        (void)printf("] %3d %%", percent);
    } else if (begins) {
        (void)printf("%s%s", meter->terminal && meter->step != NULL ? "\n" : "", gettext(step));
        if (!meter->terminal)
            (void)putchar('\n');
    }
    meter->step = step;
    meter->percent = percent;
    (void)fflush(stdout);
}

static void show_end(const struct meter *meter)
{
    if (meter->terminal && meter->step != NULL)
        (void)putchar('\n');
    (void)fflush(stdout);
}

/* ---- what went wrong ---- */

static int code_of(enum probe_result result)
{
    switch (result) {
    case PROBE_OK:
        return EX_OK;
    case PROBE_NO_TOOL:
    case PROBE_NO_PROBE:
    case PROBE_NO_CHIP:
        return EX_UNAVAILABLE;
    case PROBE_WRONG_CHIP:
        return EX_DATAERR;
    case PROBE_PROTECTED:
    case PROBE_WRITE_PROTECTED:
        return EX_NOPERM;
    case PROBE_PORT_BUSY:
        return EX_TEMPFAIL;
    case PROBE_INTERRUPTED:
        return EX_INTERRUPTED;
    case PROBE_MISMATCH:
    case PROBE_LATE:
    case PROBE_FAILED:
        break;
    }
    return EX_IOERR;
}

static void explain_chip(const struct job *job, const struct chip *chip)
{
    const struct board *board = job->board;
    if (probe_is_by_name(job->probe->kind))
        cli_complain("this is no %s: it calls itself \"%s\", and %s is \"%s\"", board->chip.name,
                     chip->memory, board->name, job->probe->memory);
    else
        cli_complain("this is no %s: the chip's id is 0x%03X, and %s has 0x%03X; is it another "
                     "board? Nothing was written",
                     board->chip.name, chip->id, board->name, board->chip.id);
}

static void explain(const struct job *job, const struct chip *chip, enum probe_result result)
{
    const struct probe_driver *driver = probe_driver(job->probe);
    const char *name = probe_names[job->probe->kind];
    char unlock[512];
    switch (result) {
    case PROBE_OK:
        return;
    case PROBE_NO_TOOL:
        cli_complain("%s: %s is not installed; apt install %s", name, driver->program,
                     driver->package);
        return;
    case PROBE_NO_PROBE:
        cli_complain("%s: not found: %s; plug it in", name, gettext(driver->what));
        return;
    case PROBE_NO_CHIP:
        cli_complain("%s: the adapter is there and the chip does not answer; look at wires and "
                     "power%s%s",
                     name, job->probe->before[0] != '\0' ? ": " : "", job->probe->before);
        return;
    case PROBE_WRONG_CHIP:
        explain_chip(job, chip);
        return;
    case PROBE_PROTECTED:
        driver->unlock(job, unlock, sizeof unlock);
        cli_complain("the chip's flash is protected against reading. Lifting that ERASES "
                     "everything in it:\n  %s",
                     unlock);
        return;
    case PROBE_WRITE_PROTECTED:
        cli_complain("pages of the flash are protected against writing; lift it with "
                     "stm32flash -u PORT or the unlock command of OpenOCD's flash driver");
        return;
    case PROBE_MISMATCH:
        cli_complain("%s: the chip does not hold what was written: shorten the wires, look at the "
                     "supply, and flash it again; a chip that fails twice is worn or a fake",
                     name);
        break;
    case PROBE_PORT_BUSY:
        cli_complain("%s: another program holds the adapter, or you have no right to it", name);
        break;
    case PROBE_INTERRUPTED:
        return;
    case PROBE_LATE:
        cli_complain("%s: %s stood still and was ended; is the chip powered?", name,
                     driver->program);
        break;
    case PROBE_FAILED:
        cli_complain("%s: %s failed:", name, driver->program);
        break;
    }
    child_show(&job->child);
}

/* ---- steps ---- */

/* The probe that --probe names, or the first that finds a chip; what the others lack is told when
 * none does. */
static enum probe_result choose(struct job *job, const struct options *options, struct chip *chip)
{
    enum probe_result result = PROBE_NO_PROBE;
    unsigned tried = 0;
    for (unsigned i = 0; i < job->board->probe_count; i++) {
        job->probe = &job->board->probes[i];
        const char *name = probe_names[job->probe->kind];
        if (options->probe != NULL && strcmp(options->probe, name) != 0)
            continue;
        tried++;
        result = probe_identify(job, chip);
        bool absent = result == PROBE_NO_TOOL || result == PROBE_NO_PROBE;
        if (options->probe != NULL || !absent)
            return result;
    }
    for (unsigned i = 0; i + 1 < job->board->probe_count && options->probe == NULL; i++) {
        job->probe = &job->board->probes[i]; /* the last one is explained by the caller */
        explain(job, chip,
                child_there(probe_driver(job->probe)->program) ? PROBE_NO_PROBE : PROBE_NO_TOOL);
    }
    job->probe = &job->board->probes[job->board->probe_count - 1];
    if (tried == 0)
        job->probe = NULL;
    return result;
}

static bool write_content(const struct content *content, const char *path)
{
    FILE *file = fopen(path, "wbe");
    bool good = file != NULL && fwrite(content->bytes, 1, content->size, file) == content->size;
    if (file != NULL && fclose(file) != 0)
        good = false;
    if (!good)
        cli_complain("%s: %s", path, strerror(errno));
    return good;
}

static void describe(const struct content *content, char version[24], char image[17])
{
    const struct image_header *header = &content->image;
    if (content->has_header)
        (void)snprintf(version, 24, "%u.%u.%u", header->version >> 24, header->version >> 16 & 255,
                       header->version & 0xFFFF);
    else
        (void)snprintf(version, 24, "unsigned");
    hex_write(content->hash, 8, image);
}

static int dry_run(struct job *job, const struct options *options, const struct content *content)
{
    struct chip chip;
    uint32_t serial = options->serial != 0 ? options->serial : register_peek(options->list);
    if (serial == 0)
        return EX_DATAERR;
    if (choose(job, options, &chip) != PROBE_OK || job->probe == NULL)
        return EX_UNAVAILABLE;
    char text[SERIAL_TEXT_SIZE];
    serial_print(serial, text);
    (void)printf(_("# %s by %s, serial number %s, %zu bytes from 0x%08X\n"), job->board->name,
                 probe_names[job->probe->kind], text, content->size, job->board->chip.flash);
    job->file = "flash.bin";
    (void)probe_driver(job->probe)->write(job);
    (void)probe_driver(job->probe)->start(job);
    if (options->test.port != NULL)
        (void)printf(_("self-test over %s, unit %u, %u 8N1\n"), options->test.port,
                     options->test.unit, options->test.baud);
    return EX_OK;
}

/* Erases, writes, verifies, starts. */
static enum probe_result burn(struct job *job, struct chip *chip)
{
    const struct probe_driver *driver = probe_driver(job->probe);
    struct meter *meter = job->context;
    enum probe_result result = driver->write(job);
    bool written = result == PROBE_OK;
    if (written)
        result = driver->start(job);
    show_end(meter);
    if (result == PROBE_OK)
        return result;
    explain(job, chip, result);
    if (written)
        cli_complain("the board is written and verified, but could not be started; power it off "
                     "and on");
    else
        cli_complain("%sthe board is blank or half written and will not start; flash it again",
                     result == PROBE_INTERRUPTED ? _("stopped: ") : "");
    return result;
}

static bool make_label(const struct options *options, const struct label *label)
{
    char path[CLI_PATH], folder[CLI_PATH], serial[SERIAL_TEXT_SIZE];
    serial_print(label->serial, serial);
    label_print(label);
    bool good = options->label != NULL
                    ? cli_format(path, sizeof path, "%s", options->label)
                    : cli_folder(options->list, folder, sizeof folder) &&
                          cli_format(path, sizeof path, "%s/label-%s.png", folder, serial);
    good = good && label_write(label, path);
    if (good) {
        (void)printf(_("label: %s\n"), path);
        outcome_add("label", json_string(path));
    }
    return good;
}

/* From the chip's identity on. */
static int flash_chip(struct job *job, const struct options *options, struct content *content,
                      struct chip *chip)
{
    char version[24], image[17], note[64], file[CLI_PATH];
    describe(content, version, image);
    struct register_entry entry = {options->serial, job->board->name, chip->unique, version,
                                   image,           "writing"};
    int code = register_take(options->list, &entry, options->replace);
    if (code != EX_OK)
        return code;
    char text[SERIAL_TEXT_SIZE];
    serial_print(entry.serial, text);
    (void)printf(_("serial number %s, chip %s, firmware %s\n"), text, chip->unique, version);
    outcome_add("serial", json_string(text));
    outcome_add("chip", json_string(chip->unique));
    outcome_add("firmware", json_string(version));
    if (!content_set_factory(job->board, entry.serial, content) ||
        !cli_format(file, sizeof file, "%s/flash.bin", job->folder) ||
        !write_content(content, file))
        return EX_CANTCREAT;
    job->file = file;
    job->size = content->size;
    enum probe_result result = burn(job, chip);
    (void)snprintf(note, sizeof note, "%s", result == PROBE_OK ? "written" : "not written");
    if (result == PROBE_OK && job->probe->after[0] != '\0')
        (void)printf(_("Now: %s.\n"), job->probe->after);
    struct self_test test = options->test;
    test.board = job->board;
    test.content = content;
    test.serial = entry.serial;
    const char *tested = result == PROBE_OK && test.port != NULL ? self_test_run(&test) : "passed";
    if (strcmp(tested, "passed") != 0)
        (void)snprintf(note, sizeof note, "failed: %s", tested);
    else if (result == PROBE_OK && test.port != NULL)
        (void)snprintf(note, sizeof note, "passed");
    if (result == PROBE_OK && test.port == NULL)
        (void)printf(_("Not tested over its bus: no --port was given.\n"));
    entry.result = note;
    code = register_note(options->list, &entry);
    if (result != PROBE_OK)
        return code_of(result);
    const struct label label = {job->board->name, chip->unique, version, entry.serial};
    if (strcmp(tested, "passed") != 0) {
        cli_complain("the board is written but did not pass its self-test: no label");
        return 1;
    }
    return make_label(options, &label) && code == EX_OK ? EX_OK : EX_CANTCREAT;
}

static void remove_folder(const char *folder)
{
    static const char *const files[] = {"flash.bin",      "back.bin",  "unique.bin",
                                        "protection.bin", "start.bin", "flash.uf2"};
    char path[CLI_PATH];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (cli_format(path, sizeof path, "%s/%s", folder, files[i]))
            (void)unlink(path);
    }
    (void)rmdir(folder);
}

static int with_probe(struct job *job, const struct options *options, struct content *content)
{
    static struct meter meter; /* of the one terminal */
    struct chip chip;
    meter = (struct meter){.terminal = isatty(STDOUT_FILENO)};
    job->progress = show;
    job->context = &meter;
    enum probe_result result = choose(job, options, &chip);
    show_end(&meter);
    meter.step = NULL;
    if (job->probe == NULL) {
        cli_complain("%s can't be flashed by %s; see its flash.yaml", job->board->name,
                     options->probe);
        return EX_USAGE;
    }
    if (result == PROBE_OK)
        return flash_chip(job, options, content, &chip);
    explain(job, &chip, result);
    if (result == PROBE_INTERRUPTED)
        cli_complain("stopped; nothing was written");
    return code_of(result);
}

/* Ports that will be needed are looked at before anything is written. -1: none is held. */
static bool take_ports(const struct options *options, const struct board *board, int *adapter)
{
    bool serial = false;
    for (unsigned i = 0; i < board->probe_count; i++)
        serial |= board->probes[i].kind == PROBE_SERIAL;
    *adapter = -1;
    if (options->test.port != NULL) {
        int fd = port_take(options->test.port);
        if (fd < 0)
            return false;
        (void)close(fd);
    }
    if (options->adapter == NULL || options->adapter[0] != '/' || !serial)
        return true;
    *adapter = port_take(options->adapter);
    return *adapter >= 0;
}

static int prepared(const struct options *options, const struct board *board,
                    struct content *content)
{
    char folder[] = "/tmp/baiye-flash-XXXXXX";
    struct job *job = calloc(1, sizeof *job);
    int code = EX_OSERR, adapter;
    if (job == NULL)
        return code;
    job->board = board;
    job->adapter = options->adapter;
    job->dry_run = options->dry_run;
    if (options->dry_run) {
        code = dry_run(job, options, content);
    } else if (!take_ports(options, board, &adapter)) {
        code = EX_TEMPFAIL;
    } else {
        job->folder = mkdtemp(folder);
        code = job->folder != NULL ? with_probe(job, options, content) : EX_CANTCREAT;
        if (job->folder != NULL)
            remove_folder(job->folder);
        if (adapter >= 0)
            (void)close(adapter);
    }
    free(job);
    return code;
}

static int run(const struct options *options)
{
    struct board *board = calloc(1, sizeof *board);
    struct config_error error = {""};
    struct content content = {0};
    char folder[CLI_PATH], boot[CLI_PATH], image[CLI_PATH];
    int code = EX_OSERR;
    if (board == NULL)
        return code;
    code = EX_CONFIG;
    if (!board_load(options->boards, options->board, board, &error) ||
        (options->calibration != NULL &&
         !board_load_calibration(options->calibration, board, &error)))
        cli_complain("%s", error.text);
    else if (cli_format(folder, sizeof folder, "%s/%s", options->boards, options->board) &&
             cli_format(boot, sizeof boot, "%s/%s",
                        options->firmware != NULL ? options->firmware : folder, board->boot.file) &&
             cli_format(image, sizeof image, "%s/%s",
                        options->firmware != NULL ? options->firmware : folder, board->image.file))
        code = content_load(board, options->boot != NULL ? options->boot : boot,
                            options->image != NULL ? options->image : image, options->test_key,
                            &content);
    if (code == EX_OK && options->dry_run)
        (void)printf(_("# boot loader %s, image %s\n"),
                     options->boot != NULL ? options->boot : boot,
                     options->image != NULL ? options->image : image);
    if (code == EX_OK && content.test_key)
        (void)printf(_("This board will take firmware signed with the test key: keep it on the "
                       "bench.\n"));
    if (code == EX_OK)
        code = prepared(options, board, &content);
    content_free(&content);
    free(board);
    return code;
}

/* ---- options ---- */

static bool number(const char *text, int base, unsigned long most, uint32_t *out)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, base);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || value == 0 || value > most)
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool number_option(int letter, struct options *options)
{
    uint32_t value;
    if (letter == 'n' && serial_parse(optarg, &options->serial) == SERIAL_OK &&
        options->serial != 0 && options->serial != FACTORY_SERIAL_ALL)
        return true;
    if (letter == 'u' && number(optarg, 10, 247, &value)) {
        options->test.unit = (uint8_t)value;
        return true;
    }
    if (letter == 'B' && number(optarg, 10, 115200, &options->test.baud))
        return true;
    if (letter == 'w' && number(optarg, 10, 3600, &value)) {
        options->test.wait_s = value;
        return true;
    }
    cli_complain("\"%s\" can't be: %s", optarg,
                 letter == 'n'
                     ? _("a serial number has up to 8 digits 0-9, A-F, the check digit of "
                         "its label or none, and is not 0 nor FFFFFFFF")
                     : _("a number out of range; see baiye flash --help"));
    return false;
}

static bool text_option(int letter, struct options *options)
{
    const char **const to = letter == 'p'   ? &options->probe
                            : letter == 'a' ? &options->adapter
                            : letter == 'f' ? &options->firmware
                            : letter == 'b' ? &options->boot
                            : letter == 'i' ? &options->image
                            : letter == 'c' ? &options->calibration
                            : letter == 'r' ? &options->list
                            : letter == 'l' ? &options->label
                            : letter == 'P' ? &options->test.port
                            : letter == 'd' ? &options->boards
                                            : NULL;
    if (to != NULL)
        *to = optarg;
    return to != NULL;
}

static bool read_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {{"probe", required_argument, NULL, 'p'},
                                          {"adapter", required_argument, NULL, 'a'},
                                          {"firmware", required_argument, NULL, 'f'},
                                          {"boot", required_argument, NULL, 'b'},
                                          {"image", required_argument, NULL, 'i'},
                                          {"calibration", required_argument, NULL, 'c'},
                                          {"register", required_argument, NULL, 'r'},
                                          {"label", required_argument, NULL, 'l'},
                                          {"port", required_argument, NULL, 'P'},
                                          {"boards", required_argument, NULL, 'd'},
                                          {"serial", required_argument, NULL, 'n'},
                                          {"unit", required_argument, NULL, 'u'},
                                          {"baud", required_argument, NULL, 'B'},
                                          {"wait", required_argument, NULL, 'w'},
                                          {"replace", no_argument, NULL, 'R'},
                                          {"test-key", no_argument, NULL, 'T'},
                                          {"no-sensors", no_argument, NULL, 'N'},
                                          {"dry-run", no_argument, NULL, 'D'},
                                          {NULL, 0, NULL, 0}};
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        switch (letter) {
        case 'R':
            options->replace = true;
            break;
        case 'T':
            options->test_key = true;
            break;
        case 'N':
            options->test.no_sensors = true;
            break;
        case 'D':
            options->dry_run = true;
            break;
        case 'n':
        case 'u':
        case 'B':
        case 'w':
            if (!number_option(letter, options))
                return false;
            break;
        default:
            if (!text_option(letter, options))
                return false;
        }
    }
    return true;
}

/* Whoever asks for help also wants to know what is here. */
static int print_usage(const struct options *options)
{
    char boards[400];
    int code = cli_usage(usage);
    if (cli_help_wanted()) {
        unsigned count = board_list(options->boards, boards, sizeof boards);
        (void)printf("\n%s", _("Boards: ")); /* behind an empty line: not for the manual */
        screen_wrap(stdout, 80, (unsigned)screen_columns(_("Boards: ")), 2,
                    count > 0 ? boards : _("none installed"));
    }
    return code;
}

int cli_flash(int argc, char **argv)
{
    struct options options = {
        .boards = BAIYE_BOARD_DIR,
        .list = REGISTER,
        .test = {.unit = NODE_ADDRESS_FACTORY, .baud = 9600, .wait_s = WAIT_S}};
    if (!read_options(argc, argv, &options) || optind + 1 != argc)
        return print_usage(&options);
    options.board = argv[optind];
    bool known = options.probe == NULL;
    for (unsigned i = 0; i < PROBE_KINDS && !known; i++)
        known = strcmp(options.probe, probe_names[i]) == 0;
    if (!known) {
        cli_complain("there is no probe \"%s\"; there are openocd, st-link, serial, dfu, uf2",
                     options.probe);
        return EX_USAGE;
    }
    return run(&options);
}
