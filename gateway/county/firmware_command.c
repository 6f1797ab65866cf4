/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/firmware_command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "gateway/common/hex.h"
#include "gateway/common/language.h"
#include "gateway/county/command.h"
#include "gateway/daemon/update/signature.h"
#include "protocols/image/image.h"

#define FILE_MOST (1u << 20) /* what a gateway takes */

const char firmware_command_help[] =
    N_("Usage: baiye-county CONFIG firmware put FILE [--stop PERCENT] [--share PERCENT]\n"
       "         [--soak SECONDS] [--deadline SECONDS]\n"
       "       baiye-county CONFIG firmware list | boards | show ID\n"
       "       baiye-county CONFIG firmware pause ID | abort ID\n"
       "       baiye-county CONFIG firmware go ID [--stop PERCENT] [--share PERCENT]\n"
       "Brings the nodes of all gardens to a signed image, by the rings of upgrade. The\n"
       "next ring is begun when enough gateways of the one before have it and their\n"
       "nodes have answered with it for a while. Who is away is waited for until the\n"
       "ring's deadline, and served when it is back. Where the rings before have no such\n"
       "board, one gateway of the next that has it goes first, in their place. When too\n"
       "many have failed it stops by itself, and the people of notify are told. list\n"
       "says how many gateways are where, show says of each gateway of one its ring,\n"
       "state, board, version and nodes, boards which version has come to each board and\n"
       "ring. pause: no further gateway; go: on again; abort ends at the gateways, too,\n"
       "what is under way. A gateway takes only what a key of its own has signed, and\n"
       "only within its data plan.\n"
       "  --stop PERCENT      of those begun, failed: 1 to 100 (5)\n"
       "  --share PERCENT     of a ring's gateways, before the next: 1 to 100 (95)\n"
       "  --soak SECONDS      so long their nodes have answered: 1 to 604800 (3600)\n"
       "  --deadline SECONDS  of a ring: 1 to 7776000 (259200, three days)\n");

#define RING_NAME(ring) "(ARRAY['canary', 'early', 'stable'])[" ring "]"
#define BOARD           "'0x' || upper(lpad(to_hex(f.hardware), 8, '0'))"

static const char list_sql[] =
    "SELECT r.id, to_char(r.at, 'YYYY-MM-DD HH24:MI'), " BOARD ", f.version, r.state, " RING_NAME(
        "r.ring") ", string_agg(s.n || ' ' || s.state, ', ' ORDER BY s.state), r.why"
                  " FROM firmware_rollout r JOIN firmware f USING (sha256), LATERAL (SELECT state,"
                  " count(*) AS n FROM firmware_site WHERE rollout = r.id GROUP BY state) s"
                  " GROUP BY r.id, f.sha256 ORDER BY r.id";
static const char show_sql[] = "SELECT s.site, " RING_NAME(
    "s.ring") ", s.state, " BOARD ", f.version, round(100.0 * s.have / f.size) || ' % sent',"
              " to_char(s.since, 'YYYY-MM-DD HH24:MI:SS'), coalesce((SELECT string_agg(value"
              " || ' ' || key, ', ' ORDER BY key) FROM jsonb_each_text(s.counts)), ''), s.why"
              " FROM firmware_site s JOIN firmware_rollout r ON r.id = s.rollout"
              " JOIN firmware f USING (sha256) WHERE r.id = $1::int8 ORDER BY s.ring, s.site";
static const char boards_sql[] = "SELECT b.board, " RING_NAME(
    "b.ring") ", b.version, count(*) || ' gateways' FROM (SELECT DISTINCT ON (s.site,"
              " f.hardware) " BOARD " AS board, s.ring, f.version FROM firmware_site s JOIN"
              " firmware_rollout r ON r.id = s.rollout JOIN firmware f USING (sha256)"
              " WHERE s.state = 'done' ORDER BY s.site, f.hardware, s.since DESC) b"
              " GROUP BY 1, b.ring, 3 ORDER BY 1, b.ring, 3";

/* ---- put ---- */

struct put {
    const char *path, *stop, *share, *soak, *deadline;
    uint8_t *file;
    size_t size;
    struct image_header header;
};

static size_t end_of_images(const struct put *put)
{
    size_t end = 0;
    for (unsigned slot = 0; slot < IMAGE_SLOTS; slot++) {
        size_t size = 0;
        const uint8_t *image = image_file_slot(put->file, put->size, slot, &size);
        size_t its_end = image != NULL ? (size_t)(image - put->file) + size : 0;
        end = its_end > end ? its_end : end;
    }
    return end;
}

static bool read_file(struct command *command, struct put *put)
{
    FILE *file = fopen(put->path, "re");
    put->file = file != NULL ? malloc(FILE_MOST + 1) : NULL;
    put->size = put->file != NULL ? fread(put->file, 1, FILE_MOST + 1, file) : 0;
    if (file != NULL)
        (void)fclose(file);
    if (put->size == 0 || put->size > FILE_MOST)
        return command_fail(command, "empty, unreadable or longer than 1 MiB: ", put->path);
    size_t size = 0;
    enum image_result verdict = signature_file(put->file, put->size);
    const uint8_t *image = image_file_slot(put->file, put->size, 0, &size);
    if (verdict == IMAGE_OK && image != NULL)
        verdict = image_header_read(image, size, &put->header);
    if (verdict != IMAGE_OK)
        return command_fail(command, image_result_text(verdict), "");
    return end_of_images(put) == put->size ||
           command_fail(command,
                        "there is more in it than its images, and each garden would pay for it: ",
                        put->path);
}

static bool keep_file(struct command *command, const struct put *put, char sha256[65])
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    char hardware[16], version[24], counter[16], size[16];
    (void)SHA256(put->file, put->size, hash);
    hex_write(hash, sizeof hash, sha256);
    (void)snprintf(hardware, sizeof hardware, "%" PRIu32, put->header.hardware);
    (void)snprintf(version, sizeof version, "%u.%u.%u", put->header.version >> 24,
                   put->header.version >> 16 & 255, put->header.version & 0xFFFF);
    (void)snprintf(counter, sizeof counter, "%" PRIu32, put->header.counter);
    (void)snprintf(size, sizeof size, "%zu", put->size);
    const char *values[] = {sha256, hardware, version, counter, size, (const char *)put->file};
    const int lengths[] = {0, 0, 0, 0, 0, (int)put->size}, formats[] = {0, 0, 0, 0, 0, 1};
    PGresult *result = PQexecParams(
        command->db,
        "INSERT INTO firmware (sha256, hardware, version, counter, size, body) VALUES ($1,"
        " $2::int8, $3, $4::int8, $5::int8, $6::bytea) ON CONFLICT (sha256) DO NOTHING",
        6, NULL, values, lengths, formats, 0);
    bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!good)
        (void)command_fail(command, PQresultErrorMessage(result), "");
    PQclear(result);
    return good;
}

/* Who has said no ring is in the last one. Nothing goes to all that has not been to a few. */
static const char make_sites[] =
    "INSERT INTO firmware_site (rollout, site, ring) SELECT $1::int8, g.site, CASE u.suite WHEN"
    " 'canary' THEN 1 WHEN 'early' THEN 2 ELSE 3 END FROM (SELECT DISTINCT site FROM gateway"
    " WHERE retired IS NULL) g LEFT JOIN upgrade u USING (site)";

static bool has_rows(struct command *command, const char *sql, const char *parameter)
{
    PGresult *result = command_query(command, sql, 1, &parameter);
    bool found = result != NULL && PQntuples(result) > 0;
    PQclear(result);
    return found;
}

static bool make(struct command *command, struct put *put, char id[24])
{
    char sha256[65];
    const char *parameters[] = {sha256, put->stop, put->share, put->soak, put->deadline};
    if (command_execute(command, "BEGIN", 0, NULL) < 0 || !keep_file(command, put, sha256))
        return false;
    if (has_rows(command,
                 "SELECT FROM firmware_rollout r JOIN firmware f USING (sha256) WHERE r.state IN"
                 " ('going', 'paused', 'stopped') AND f.hardware = (SELECT hardware FROM firmware"
                 " WHERE sha256 = $1)",
                 sha256))
        return command_fail(
            command, "another one for these boards is not over: `firmware list`, `abort`", "");
    PGresult *result =
        command_query(command,
                      "INSERT INTO firmware_rollout (sha256, stop_percent, share_percent,"
                      " soak_s, deadline_s) VALUES ($1, $2::int, $3::int, $4::int, $5::int)"
                      " RETURNING id",
                      5, parameters);
    (void)snprintf(id, 24, "%s", result != NULL ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    const char *rollout = id;
    if (result == NULL || command_execute(command, make_sites, 1, &rollout) < 0)
        return false;
    if (!has_rows(command, "SELECT FROM firmware_site WHERE rollout = $1::int8 AND ring = 1", id))
        return command_fail(command, "no gateway is in the ring canary: `upgrade canary SITE...`",
                            "");
    return command_execute(command, "COMMIT", 0, NULL) >= 0;
}

static bool is_number(const char *text, long least, long most)
{
    char *end = NULL;
    long number = strtol(text, &end, 10);
    return *text != '\0' && *end == '\0' && number >= least && number <= most;
}

static bool read_option(struct put *put, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **value;
        long least, most;
    } options[] = {{"--stop", &put->stop, 1, 100},
                   {"--share", &put->share, 1, 100},
                   {"--soak", &put->soak, 1, 604800},
                   {"--deadline", &put->deadline, 1, 7776000}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (strcmp(name, options[i].name) == 0 &&
            is_number(value, options[i].least, options[i].most)) {
            *options[i].value = value;
            return true;
        }
    }
    return false;
}

static bool put_file(struct command *command, int count, char **words)
{
    char id[24] = "";
    struct put put = {
        .path = words[0], .stop = "5", .share = "95", .soak = "3600", .deadline = "259200"};
    for (int i = 1; i < count; i += 2) {
        if (!read_option(&put, words[i], i + 1 < count ? words[i + 1] : ""))
            return command_fail(
                command,
                "not understood (--stop, --share 1..100, --soak, --deadline SECONDS): ", words[i]);
    }
    bool good = read_file(command, &put) && make(command, &put, id);
    free(put.file);
    const char *rollout = id;
    return good &&
           command_print(
               command,
               "SELECT 'roll-out ' || r.id || ': ' || f.version || ' for board ' || " BOARD
               " || ', ' || (SELECT string_agg(n || ' ' || name, ', ' ORDER BY ring) FROM"
               " (SELECT ring, " RING_NAME(
                   "ring") " AS name, count(*) AS n FROM"
                           " firmware_site WHERE rollout = r.id GROUP BY ring) n) || '; ' ||"
                           " ceil(f.size * 1.4 / 1000) || ' kB of the data of each' FROM"
                           " firmware_rollout r JOIN firmware f USING (sha256) WHERE r.id = "
                           "$1::int8",
               1, &rollout, 0);
}

/* ---- pause, go, abort ---- */

static bool set_state(struct command *command, const char *id, const char *sql)
{
    int rows = command_execute(command, sql, 1, &id);
    return rows > 0 ||
           (rows == 0 && command_fail(command, "no roll-out that goes on has the number ", id));
}

static const char pause_sql[] = "UPDATE firmware_rollout SET state = 'paused' WHERE id = $1::int8"
                                " AND state IN ('going', 'stopped')";
static const char go_sql[] =
    "UPDATE firmware_rollout SET state = 'going', why = '', ring_since = now(),"
    " stop_percent = coalesce($2::int, stop_percent),"
    " share_percent = coalesce($3::int, share_percent) WHERE id = $1::int8 AND state IN ('paused', "
    "'stopped')";
/* One statement: what is under way is ended at the gateway, the rest does not begin. */
static const char abort_sql[] =
    "WITH r AS (UPDATE firmware_rollout SET state = 'aborted' WHERE id = $1::int8"
    "  AND state IN ('going', 'paused', 'stopped') RETURNING id),"
    " s AS (UPDATE firmware_site s SET since = now(), due = now(), state = CASE WHEN s.state IN"
    "  ('ready', 'updating') THEN 'stopping' ELSE 'aborted' END FROM r WHERE s.rollout = r.id"
    "  AND s.state IN ('waiting', 'sending', 'ready', 'updating')) SELECT FROM r";

bool firmware_command_changes(const char *verb)
{
    return strcmp(verb, "put") == 0 || strcmp(verb, "pause") == 0 || strcmp(verb, "go") == 0 ||
           strcmp(verb, "abort") == 0;
}

/* go ID [--stop PERCENT] [--share PERCENT] */
static bool go_on(struct command *command, int count, char **words)
{
    struct put put = {.stop = NULL};
    for (int i = 1; i < count; i += 2) {
        if (!read_option(&put, words[i], i + 1 < count ? words[i + 1] : "") || put.soak != NULL ||
            put.deadline != NULL)
            return command_fail(command, "not understood (--stop, --share 1..100): ", words[i]);
    }
    const char *parameters[] = {words[0], put.stop, put.share};
    int rows = command_execute(command, go_sql, 3, parameters);
    return rows > 0 ||
           (rows == 0 &&
            command_fail(command, "no roll-out that stands still has the number ", words[0]));
}

bool firmware_command(PGconn *db, int count, char **words, char *why, size_t why_size)
{
    struct command command = {db, why, why_size};
    const char *verb = count > 0 ? words[0] : "";
    if (strcmp(verb, "list") == 0 && count == 1)
        return command_print(&command, list_sql, 0, NULL, 1);
    if (strcmp(verb, "boards") == 0 && count == 1)
        return command_print(&command, boards_sql, 0, NULL, 0);
    if (strcmp(verb, "put") == 0 && count >= 2)
        return put_file(&command, count - 1, words + 1);
    if (count < 2 || (count > 2 && strcmp(verb, "go") != 0))
        return command_fail(&command, "firmware: not so; see `baiye-county help firmware`", "");
    if (!is_number(words[1], 1, 2147483647))
        return command_fail(&command, "this is no number of a roll-out: ", words[1]);
    const char *id = words[1];
    if (strcmp(verb, "show") == 0)
        return command_print(&command, show_sql, 1, &id, 1);
    if (strcmp(verb, "pause") == 0)
        return set_state(&command, id, pause_sql);
    if (strcmp(verb, "go") == 0)
        return go_on(&command, count - 1, words + 1);
    if (strcmp(verb, "abort") == 0)
        return set_state(&command, id, abort_sql);
    return command_fail(&command, "firmware has no ", verb);
}
