/* SPDX-License-Identifier: Apache-2.0 */
/* One update by broadcast over an older image, and the power fails in each of its operations on the
 * flash: each page erased, each half-word programmed. Before an operation the process forks. The
 * child has the cut, the parent goes on without it to the next one, so nothing is run twice up to
 * there.
 *
 * After the cut the node must come up with an image that runs, the old or the new one, and take the
 * update to its end from a gateway that was restarted too. Most of these ends are one: what a cut
 * left half done is erased, and from there on the flash is byte for byte what another child had
 * when it, started anew as well, went to the end. Such a child stops there. (What the FRAM holds is
 * not compared: samples, and the number of starts.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/daemon/update/update.h"
#include "protocols/image/image.h"
#include "protocols/node_map/node_map.h"
#include "tests/silicon/bench.h"

enum {
    UNIT = 247,
    JOBS = 2, /* children at a time */
    ENDS = 1 << 14,
    SEEN = 1024,   /* by one child */
    EDGE = 64,     /* operations at either end that each run cuts: all of those but the data's */
    STRIDE = 997,  /* of what it cuts in between; all with BAIYE_FULL */
    STARTS = 6,    /* of the gateway */
    LOOKS = 20000, /* its steps, more than an update takes */
};

static struct line *line;
static struct board board;
static const uint8_t *image;
static size_t image_size;
static uint8_t flash_before[FLASH_END];

/* What the children tell each other: flashes from which an update came to its end. */
static struct {
    atomic_uint count;
    _Atomic uint64_t flash[ENDS];
    atomic_uint to_the_end;
} * ends;

static uint64_t cut; /* the operation in which this child's power fails; 0: the parent */
static uint64_t seen[SEEN];
static unsigned seen_count;
static uint64_t operations;
static unsigned cuts, children, failures;

static void must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "cut at operation %llu: %s\n", (unsigned long long)cut, what);
    if (cut != 0)
        _exit(1);
    fail_msg("%s", what);
}

static void run_s(unsigned s)
{
    line_run(line, line->now + s * TICKS_S);
}

static bool runs_slot(unsigned slot)
{
    uint32_t at = board.part->vtor - FLASH_AT;
    return at >= SLOT_AT + slot * SLOT_SIZE && at < SLOT_AT + (slot + 1) * SLOT_SIZE;
}

static void wait_for_child(void)
{
    int status = 0;
    must(wait(&status) > 0, "a child was lost");
    failures += status != 0;
    children--;
}

static bool is_cut(uint64_t operation)
{
    const char *full = getenv("BAIYE_FULL");
    return (full != NULL && strcmp(full, "1") == 0) || operation <= EDGE ||
           operation + EDGE > operations || operation % STRIDE == 0;
}

static void fork_here(struct part *p)
{
    uint64_t operation = p->flash_operations + 1;
    if (operation % 1000 == 0)
        (void)fprintf(stderr, "operation %llu of %llu, %u cut\n", (unsigned long long)operation,
                      (unsigned long long)operations, cuts);
    if (!is_cut(operation))
        return;
    if (children == JOBS)
        wait_for_child();
    cuts++;
    children++;
    pid_t pid = fork();
    must(pid >= 0, "no child");
    if (pid != 0)
        return;
    cut = p->flash_cut = operation;
    p->before_operation = NULL;
}

static uint64_t flash_digest(void)
{
    const uint8_t *flash = board.part->flash;
    return known_digest(known_digest(1, flash + STATE_AT, SLOT_AT - STATE_AT),
                        flash + SLOT_AT + SLOT_SIZE, SLOT_SIZE);
}

/* After a block was sent: the node holds nothing of it that is not in its flash. */
static void compare_with_others(const struct update *update)
{
    if ((update->phase != UPDATE_SEND && update->phase != UPDATE_REPAIR) ||
        update->nodes[0].state != NODE_RECEIVING)
        return;
    uint64_t flash = flash_digest();
    for (unsigned i = 0; i < atomic_load(&ends->count) && i < ENDS; i++)
        if (atomic_load(&ends->flash[i]) == flash)
            _exit(0);
    if (seen_count < SEEN)
        seen[seen_count++] = flash;
}

static void tell_others(void)
{
    for (unsigned i = 0; i < seen_count; i++) {
        unsigned at = atomic_load(&ends->count);
        if (at < ENDS) {
            atomic_store(&ends->flash[at], seen[i]);
            atomic_store(&ends->count, at + 1); /* one that two children write is lost: run again */
        }
    }
    atomic_fetch_add(&ends->to_the_end, 1);
    _exit(0);
}

/* With the old image or the new one, and it says so. */
static void comes_up(void)
{
    uint16_t version[3];
    run_s(2);
    part_power(board.part, true);
    run_s(7);
    must(runs_slot(0) || runs_slot(1), "no image runs");
    must(bench_read(line, UNIT, NODE_VERSION, 3, version), "it does not answer");
    must(version[0] == (runs_slot(0) ? 1 : 2), "it answers for another image");
}

/* True: the node's power failed, or it takes no more blocks. The gateway would find that out once
 * it has sent the rest; whoever waits for it starts it again. */
static bool update_fails(void)
{
    static struct update update;
    static const uint8_t units[] = {UNIT};
    must(update_start(&update, image, image_size, units, 1, (struct update_options){0}), "start");
    for (unsigned i = 0; i < LOOKS; i++) {
        uint64_t written = board.part->flash_operations;
        if (!bench_update(line, &update))
            break;
        bool refused = update.phase == UPDATE_REPAIR && update.cursor > 0 &&
                       board.part->flash_operations == written;
        if (!board.part->powered || refused)
            return true;
        if (cut != 0 && board.part->resets_by[RESET_POWER] > 1)
            compare_with_others(&update);
    }
    return update.nodes[0].state != NODE_DONE && update.nodes[0].state != NODE_CURRENT;
}

static void update_to_its_end(void)
{
    uint16_t version[3];
    bool failed = true;
    board.part->resets_by[RESET_POWER] = 1;
    for (unsigned i = 0; i < STARTS && failed; i++) {
        if (!board.part->powered)
            comes_up();
        failed = update_fails();
    }
    must(!failed, "the update does not come to its end");
    must(bench_read(line, UNIT, NODE_VERSION, 3, version) && version[0] == 2, "not the new image");
    must(runs_slot(1), "the new image does not run");
    must(memcmp(board.part->flash, flash_before, STATE_AT) == 0, "the loader was written");
    must(memcmp(board.part->flash + SLOT_AT, flash_before + SLOT_AT, SLOT_SIZE) == 0,
         "the old image was written");
    must(board.part->wrong[0] == '\0', board.part->wrong);
}

/* The programs have the loader check for them. */
static void know_signatures(void)
{
    static const char loader[] = "baiye-boot.elf";
    known_add(board.part, bench_symbol(loader, NULL, "br_ecdsa_i31_vrfy_raw"), KNOWN_SIGNATURE);
    known_add(board.part, bench_symbol(loader, NULL, "br_sha224_update"), KNOWN_HASH);
}

static int set_up(void **state)
{
    static const uint16_t at_115200 = 6;
    uint16_t word;
    (void)state;
    ends = mmap(NULL, sizeof *ends, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    line = bench_line(&board, 1);
    board_flash(&board, 1, "1.0.0", 1);
    board_flash_slot(&board, 1, "0.9.0", 1); /* what is to be written over */
    know_signatures();
    part_power(board.part, true);
    run_s(8);
    bool good = ends != MAP_FAILED && bench_write(line, UNIT, NODE_BAUD, 1, &at_115200);
    run_s(1);
    line->baud = 115200;
    good = good && bench_read(line, UNIT, NODE_BOOT, 1, &word);
    run_s(15); /* a sample, and the self-test */
    return good ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    bench_end(line, &board);
    (void)munmap(ends, sizeof *ends);
    return 0;
}

static void update_survives_a_cut_at_each_operation(void **state)
{
    static uint8_t fram[FRAM_SIZE];
    (void)state;
    size_t file_size;
    uint8_t *file = bench_image("2.0.0", 1, &file_size);
    image = image_file_slot(file, file_size, 1, &image_size);
    assert_non_null(image);
    memcpy(flash_before, board.part->flash, sizeof flash_before);
    memcpy(fram, board.fram_bytes, sizeof fram);
    board.part->flash_operations = 0;
    update_to_its_end(); /* none is cut: how many there are, and the signatures once */
    operations = board.part->flash_operations;
    assert_in_range(operations, 55 + 10000, 60000);
    part_power(board.part, false);
    memcpy(board.part->flash, flash_before, sizeof flash_before);
    memcpy(board.fram_bytes, fram, sizeof fram);
    run_s(1);
    part_power(board.part, true);
    run_s(20);
    board.part->flash_operations = 0;
    board.part->before_operation = fork_here;
    update_to_its_end();
    if (cut != 0)
        tell_others();
    while (children > 0)
        wait_for_child();
    assert_int_equal(board.part->flash_operations, operations);
    (void)printf("figure: %u of %llu flash operations of an update cut, %u run to their end, "
                 "%u failed\n",
                 cuts, (unsigned long long)operations, atomic_load(&ends->to_the_end), failures);
    assert_int_equal(failures, 0);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(update_survives_a_cut_at_each_operation, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
