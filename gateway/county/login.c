/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/login.h"

#include <crypt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "gateway/common/clock.h"
#include "gateway/common/hex.h"
#include "gateway/daemon/http/guess.h"

#define PASSWORD_LEAST 10
#define PASSWORD_MOST  200
#define METHOD         "$y$" /* yescrypt: 16 MB and some 50 ms each */
#define BUSY_S         1

struct login_desk {
    pthread_mutex_t guessing; /* guards `guess` */
    struct guess *guess;
    pthread_mutex_t hashing; /* one password at a time: it takes memory */
    struct crypt_data crypt;
    char nobody[CRYPT_OUTPUT_SIZE]; /* what the password of an unknown name is held against */
};

static bool make_hash(struct crypt_data *crypt, const char *password, char hash[CRYPT_OUTPUT_SIZE])
{
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    const char *setting = crypt_gensalt_rn(METHOD, 0, NULL, 0, salt, sizeof salt);
    const char *made = setting != NULL ? crypt_r(password, setting, crypt) : NULL;
    bool good = made != NULL && made[0] == '$';
    (void)snprintf(hash, CRYPT_OUTPUT_SIZE, "%s", good ? made : "");
    return good;
}

struct login_desk *login_open(void)
{
    struct login_desk *desk = calloc(1, sizeof *desk);
    if (desk == NULL)
        return NULL;
    pthread_mutex_init(&desk->guessing, NULL);
    pthread_mutex_init(&desk->hashing, NULL);
    desk->guess = guess_open();
    if (desk->guess != NULL && make_hash(&desk->crypt, "nobody", desk->nobody))
        return desk;
    login_close(desk);
    return NULL;
}

void login_close(struct login_desk *desk)
{
    if (desk == NULL)
        return;
    guess_close(desk->guess);
    pthread_mutex_destroy(&desk->guessing);
    pthread_mutex_destroy(&desk->hashing);
    free(desk);
}

/* ---- Passwords ---- */

static bool same_text(const char *a, const char *b)
{
    size_t size = strlen(a);
    unsigned char differ = strlen(b) != size;
    for (size_t i = 0; differ == 0 && i < size; i++)
        differ |= (unsigned char)(a[i] ^ b[i]);
    return differ == 0;
}

static bool fits(struct login_desk *desk, const char *password, const char *hash)
{
    const char *wanted = hash != NULL ? hash : desk->nobody;
    const char *made = crypt_r(password, wanted, &desk->crypt);
    return made != NULL && same_text(made, wanted) && hash != NULL;
}

/* The hash of a name's password, to be freed by PQclear(); NULL: PostgreSQL does not answer. */
static PGresult *find_hash(PGconn *db, const char *user)
{
    PGresult *found = PQexecParams(db, "SELECT password FROM login WHERE name = $1", 1, NULL, &user,
                                   NULL, NULL, 0);
    if (PQresultStatus(found) == PGRES_TUPLES_OK)
        return found;
    PQclear(found);
    return NULL;
}

static bool make_session(PGconn *db, const char *user, char token[LOGIN_TOKEN_SIZE])
{
    unsigned char bytes[(LOGIN_TOKEN_SIZE - 1) / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return false;
    hex_write(bytes, sizeof bytes, token);
    const char *parameters[] = {token, user};
    PGresult *made = PQexecParams(db,
                                  "WITH old AS (DELETE FROM session WHERE until < now())"
                                  " INSERT INTO session (token, name, until) VALUES"
                                  " (sha256(convert_to($1, 'UTF8')), $2, now() + interval '12 h')",
                                  2, NULL, parameters, NULL, NULL, 0);
    bool good = PQresultStatus(made) == PGRES_COMMAND_OK;
    PQclear(made);
    return good;
}

static enum login_result look_at(struct login_desk *desk, PGconn *db, const char *user,
                                 const char *password, char token[LOGIN_TOKEN_SIZE])
{
    PGresult *found = find_hash(db, user);
    if (found == NULL)
        return LOGIN_BROKEN;
    bool good = fits(desk, password, PQntuples(found) == 1 ? PQgetvalue(found, 0, 0) : NULL);
    PQclear(found);
    if (!good)
        return LOGIN_WRONG;
    return make_session(db, user, token) ? LOGIN_GOOD : LOGIN_BROKEN;
}

enum login_result login_begin(struct login_desk *desk, PGconn *db, const char *user,
                              const char *password, const char *peer, char token[LOGIN_TOKEN_SIZE],
                              unsigned *wait_s)
{
    *wait_s = BUSY_S;
    if (strlen(user) >= LOGIN_NAME_SIZE || strlen(password) > PASSWORD_MOST)
        return LOGIN_WRONG;
    pthread_mutex_lock(&desk->guessing);
    int64_t wait_ms = guess_begin(desk->guess, user, peer, clock_now().mono_ms);
    pthread_mutex_unlock(&desk->guessing);
    if (wait_ms > 0) {
        *wait_s = (unsigned)((wait_ms + 999) / 1000);
        return LOGIN_LATER;
    }
    enum login_result result = LOGIN_LATER;
    if (pthread_mutex_trylock(&desk->hashing) ==
        0) { /* waiting would take a thread of the server */
        result = look_at(desk, db, user, password, token);
        pthread_mutex_unlock(&desk->hashing);
    }
    pthread_mutex_lock(&desk->guessing);
    guess_end(desk->guess, user, peer, clock_now().mono_ms,
              result == LOGIN_GOOD    ? GUESS_RIGHT
              : result == LOGIN_WRONG ? GUESS_WRONG
                                      : GUESS_UNKNOWN);
    pthread_mutex_unlock(&desk->guessing);
    return result;
}

/* ---- Sessions ---- */

/* PostgreSQL is given the token's hash to look for: how long it looks tells nothing of a token. */
enum login_result login_who(PGconn *db, const char *token, char user[LOGIN_NAME_SIZE])
{
    if (strlen(token) != LOGIN_TOKEN_SIZE - 1 ||
        strspn(token, "0123456789abcdef") != LOGIN_TOKEN_SIZE - 1)
        return LOGIN_WRONG;
    PGresult *found = PQexecParams(db,
                                   "SELECT name FROM session WHERE until > now()"
                                   " AND token = sha256(convert_to($1, 'UTF8'))",
                                   1, NULL, &token, NULL, NULL, 0);
    enum login_result result = LOGIN_BROKEN;
    if (PQresultStatus(found) == PGRES_TUPLES_OK)
        result = PQntuples(found) == 1 ? LOGIN_GOOD : LOGIN_WRONG;
    (void)snprintf(user, LOGIN_NAME_SIZE, "%s",
                   result == LOGIN_GOOD ? PQgetvalue(found, 0, 0) : "");
    PQclear(found);
    return result;
}

void login_end(PGconn *db, const char *token)
{
    PQclear(PQexecParams(db, "DELETE FROM session WHERE token = sha256(convert_to($1, 'UTF8'))", 1,
                         NULL, &token, NULL, NULL, 0));
}

/* ---- Made by the operator ---- */

static bool execute(PGconn *db, const char *sql, int count, const char *const *parameters,
                    char *why, size_t why_size)
{
    PGresult *result = PQexecParams(db, sql, count, NULL, parameters, NULL, NULL, 0);
    bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!good)
        (void)snprintf(why, why_size, "%.200s", PQresultErrorMessage(result));
    PQclear(result);
    return good;
}

static bool set_right(PGconn *db, const char *user, const char *right, char *why, size_t why_size)
{
    char region[200];
    const char *colon = strrchr(right, ':');
    bool good = colon != NULL && colon != right && (size_t)(colon - right) < sizeof region &&
                (strcmp(colon + 1, "viewer") == 0 || strcmp(colon + 1, "operator") == 0);
    if (!good) {
        (void)snprintf(why, why_size,
                       "%.60s: write REGION:viewer or REGION:operator; *:operator for all regions",
                       right);
        return false;
    }
    (void)snprintf(region, sizeof region, "%.*s", (int)(colon - right), right);
    const char *parameters[] = {user, region, colon + 1};
    return execute(db, "INSERT INTO login_right (name, region, role) VALUES ($1, $2, $3)", 3,
                   parameters, why, why_size);
}

static bool set_all(PGconn *db, const char *user, const char *hash, const char *const *rights,
                    int count, char *why, size_t why_size)
{
    const char *parameters[] = {user, hash};
    bool good = execute(db, "DELETE FROM login WHERE name = $1", 1, parameters, why, why_size);
    if (good && count > 0)
        good = execute(db, "INSERT INTO login (name, password) VALUES ($1, $2)", 2, parameters, why,
                       why_size);
    for (int i = 0; good && i < count; i++)
        good = set_right(db, user, rights[i], why, why_size);
    return good;
}

bool login_set(PGconn *db, const char *user, const char *password, const char *const *rights,
               int count, char *why, size_t why_size)
{
    static struct crypt_data crypt;
    char hash[CRYPT_OUTPUT_SIZE];
    size_t size = strlen(password);
    if (user[0] == '\0' || strlen(user) >= LOGIN_NAME_SIZE || strpbrk(user, " /+#\t\r\n") != NULL) {
        (void)snprintf(why, why_size, "a name of 1 to 64 bytes without spaces, / + # is needed");
        return false;
    }
    if (count > 0 && (size < PASSWORD_LEAST || size > PASSWORD_MOST)) {
        (void)snprintf(why, why_size, "a password of %d to %d bytes is needed", PASSWORD_LEAST,
                       PASSWORD_MOST);
        return false;
    }
    if (count > 0 && !make_hash(&crypt, password, hash)) {
        (void)snprintf(why, why_size, "no memory");
        return false;
    }
    if (!execute(db, "BEGIN", 0, NULL, why, why_size))
        return false;
    bool good = set_all(db, user, hash, rights, count, why, why_size);
    char unused[8];
    return execute(db, good ? "COMMIT" : "ROLLBACK", 0, NULL, good ? why : unused,
                   good ? why_size : sizeof unused) &&
           good;
}
