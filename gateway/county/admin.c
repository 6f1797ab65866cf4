/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/admin.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "gateway/county/config_command.h"
#include "gateway/county/enrol.h"
#include "gateway/county/firmware_command.h"
#include "gateway/county/login.h"
#include "gateway/county/retire.h"
#include "gateway/county/schema.h"
#include "gateway/county/settings.h"
#include "gateway/county/upgrade_command.h"

#define WHY_SIZE 400

static struct settings settings;

static const char *who_it_is(void)
{
    static char who[24];
    (void)snprintf(who, sizeof who, "uid-%u", (unsigned)getuid());
    return who;
}

static bool set_login(PGconn *db, int argc, char **argv, char *why)
{
    char line[300] = "";
    if (argc > 4) {
        (void)fprintf(stderr, "password of %s, as a line: ", argv[3]);
        if (fgets(line, sizeof line, stdin) == NULL)
            line[0] = '\0';
        (void)fprintf(stderr, "\n");
        line[strcspn(line, "\r\n")] = '\0';
    }
    bool good =
        login_set(db, argv[3], line, (const char *const *)argv + 4, argc - 4, why, WHY_SIZE);
    explicit_bzero(line, sizeof line);
    if (!good)
        return false;
    const char *state = argc > 4 ? "set" : "removed";
    (void)printf("login %s: %s\n", argv[3], state);
    (void)snprintf(line, sizeof line, "login %.70s %s", argv[3], state);
    return audit_note(db, who_it_is(), line, "");
}

static bool set_region(PGconn *db, int argc, char **argv, char *why)
{
    if (argc != 5 || argv[4][0] == '\0' || strcmp(argv[4], "*") == 0) {
        (void)snprintf(why, WHY_SIZE, "region: write SITE and REGION");
        return false;
    }
    const char *parameters[] = {argv[3], argv[4]};
    PGresult *result = PQexecParams(db,
                                    "INSERT INTO garden (site, region) VALUES ($1, $2) ON CONFLICT"
                                    " (site) DO UPDATE SET region = excluded.region",
                                    2, NULL, parameters, NULL, NULL, 0);
    bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
    (void)snprintf(why, WHY_SIZE, "%.200s", PQresultErrorMessage(result));
    PQclear(result);
    return good && audit_note(db, who_it_is(), "region set", argv[3]);
}

static bool give_token(PGconn *db, int argc, char **argv, char *why)
{
    char token[ENROL_TOKEN_SIZE];
    if (argc != 4) {
        (void)snprintf(why, WHY_SIZE, "token: write SITE");
        return false;
    }
    bool good = enrol_token(db, &settings, argv[3], token, why, WHY_SIZE);
    if (good)
        (void)printf("%s\n", token);
    return good && audit_note(db, who_it_is(), "token given", argv[3]);
}

static bool revoke_site(PGconn *db, int argc, char **argv, char *why)
{
    if (argc != 4 || settings.enrol.ca_file[0] == '\0') {
        (void)snprintf(why, WHY_SIZE, "%s",
                       argc != 4 ? "revoke: write SITE" : "the file has no `enrol`");
        return false;
    }
    int count = enrol_revoke(db, &settings, argv[3], why, WHY_SIZE);
    if (count >= 0)
        (void)printf("%s: %d certificates count no more\n", argv[3], count);
    return count >= 0 && audit_note(db, who_it_is(), "certificates revoked", argv[3]);
}

static bool retire_site(PGconn *db, int argc, char **argv, char *why)
{
    bool remove = false;
    struct retired done;
    if (argc != 5 || !retire_word(argv[4], &remove)) {
        (void)snprintf(why, WHY_SIZE,
                       "retire: write SITE and what becomes of its data: keep or remove");
        return false;
    }
    if (!retire_garden(db, &settings, argv[3], remove, who_it_is(), &done, why, WHY_SIZE))
        return false;
    (void)printf("%s: retired; %d certificates count no more, %lld readings removed\n", argv[3],
                 done.certificates > 0 ? done.certificates : 0, (long long)done.readings);
    return true;
}

/* The newest last, of one garden or of all. */
static bool audit(PGconn *db, int argc, char **argv, char *why)
{
    const char *site = argc > 3 ? argv[3] : "";
    PGresult *rows =
        PQexecParams(db,
                     "SELECT * FROM (SELECT id, to_char(at AT TIME ZONE 'UTC',"
                     " 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), who, site, what FROM audit WHERE $1 = ''"
                     " OR site = $1 ORDER BY id DESC LIMIT 1000) a ORDER BY id",
                     1, NULL, &site, NULL, NULL, 0);
    bool good = PQresultStatus(rows) == PGRES_TUPLES_OK;
    (void)snprintf(why, WHY_SIZE, "%.200s", PQresultErrorMessage(rows));
    for (int i = 0; good && i < PQntuples(rows); i++)
        (void)printf("%s\t%s\t%s\t%s\n", PQgetvalue(rows, i, 1), PQgetvalue(rows, i, 2),
                     PQgetvalue(rows, i, 3), PQgetvalue(rows, i, 4));
    PQclear(rows);
    return good;
}

static bool config(PGconn *db, int argc, char **argv, char *why)
{
    return config_command(db, argc - 3, argv + 3, why, WHY_SIZE);
}

static bool upgrade(PGconn *db, int argc, char **argv, char *why)
{
    return upgrade_command(db, argc - 3, argv + 3, why, WHY_SIZE);
}

static bool firmware(PGconn *db, int argc, char **argv, char *why)
{
    const char *verb = argc > 3 ? argv[3] : "", *which = argc > 4 ? argv[4] : "";
    char what[80];
    (void)snprintf(what, sizeof what, "firmware %.10s %.50s", verb, which);
    return firmware_command(db, argc - 3, argv + 3, why, WHY_SIZE) &&
           (!firmware_command_changes(verb) || audit_note(db, who_it_is(), what, ""));
}

static const struct command {
    const char *name;
    int words; /* at least, with the program's own */
    bool (*run)(PGconn *db, int argc, char **argv, char *why);
    const char *what; /* in the list */
    const char *help; /* of at most 80 columns, in the form that tools/manual reads */
} commands[] = {
    {"login", 4, set_login, N_("who may see the page"),
     N_("Usage: baiye-county CONFIG login NAME [REGION:ROLE...]\n"
        "Who may see the page: a name, the password as a line of standard input, and\n"
        "rights by region. A ROLE is viewer, or operator, who may note that a silence has\n"
        "been seen; the region * is all of them. Without a right the login is removed. A\n"
        "session lasts 12 hours, and ends when the login is changed.\n")},
    {"region", 4, set_region, N_("where a garden is counted"),
     N_("Usage: baiye-county CONFIG region SITE REGION\n"
        "Where a garden is counted; one without a region is seen by * alone.\n")},
    {"token", 3, give_token, N_("let a new gateway enrol"),
     N_("Usage: baiye-county CONFIG token SITE\n"
        "Prints what a new gateway enrols by, the TOKEN of baiye enrol: a site, a secret\n"
        "that counts once and for 24 hours, and the SHA-256 of ca_file of broker, by\n"
        "which the gateway knows the county. What it is given is good for 90 days.\n")},
    {"revoke", 3, revoke_site, N_("let a gateway's certificates count no more"),
     N_("Usage: baiye-county CONFIG revoke SITE\n"
        "Puts a site's certificates on crl_file and forgets its tokens; each broker's\n"
        "machine takes the list over, see baiye-county-setup(8).\n")},
    {"retire", 3, retire_site, N_("give a garden up"),
     N_("Usage: baiye-county CONFIG retire SITE keep|remove\n"
        "Gives a garden up: its certificates are revoked, and what comes in its name goes\n"
        "to table dead; no page, alarm or request for records has it, and its data stays\n"
        "or is removed. A new token takes it in again.\n")},
    {"audit", 3, audit, N_("what operators have done"),
     N_("Usage: baiye-county CONFIG audit [SITE]\n"
        "What operators have done, here and on the page: when, who, to which garden,\n"
        "what; the newest last.\n")},
    {"config", 3, config, N_("change the configurations of gateways"), config_command_help},
    {"upgrade", 3, upgrade, N_("bring gateways to a newer version"), upgrade_command_help},
    {"firmware", 3, firmware, N_("bring nodes to a newer firmware"), firmware_command_help},
};

void admin_list(FILE *out)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        (void)fprintf(out, "  %-9s %s\n", commands[i].name, gettext(commands[i].what));
}

bool admin_help(FILE *out, const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(name, commands[i].name) == 0)
            return fputs(gettext(commands[i].help), out) >= 0;
    }
    return false;
}

static const struct command *find(int argc, char **argv)
{
    for (size_t i = 0; argc >= 3 && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[2], commands[i].name) == 0 && argc >= commands[i].words)
            return &commands[i];
    }
    return NULL;
}

bool admin_is(int argc, char **argv)
{
    return find(argc, argv) != NULL;
}

int admin_main(int argc, char **argv)
{
    const struct command *command = find(argc, argv);
    struct config_error error;
    char why[WHY_SIZE] = "";
    language_open();
    if (!settings_load(&settings, argv[1], &error)) {
        (void)fprintf(stderr, "%s\n", error.text);
        return EX_CONFIG;
    }
    PGconn *db = PQconnectdb(settings.database);
    bool good = PQstatus(db) == CONNECTION_OK;
    if (!good)
        (void)snprintf(why, sizeof why, "%.200s", PQerrorMessage(db));
    if (good) /* what is there already is no news */
        PQclear(PQexec(db, "SET client_min_messages = warning"));
    good = good && schema_migrate(db, settings.keep_raw_s / 86400, why, sizeof why);
    good = good && command->run(db, argc, argv, why);
    if (!good)
        (void)fprintf(stderr, "baiye-county: %s\n", why);
    PQfinish(db);
    return good ? EX_OK : EX_UNAVAILABLE;
}
