/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/table.h"

#include <string.h>

#include "gateway/county/sql_text.h"

#define TEXT_TYPE 25 /* pg_type.oid of text; all else is numbers, dates, yes and no */

static int is_formula(const char *text)
{
    static const char *const begins[] = {"=",  "+",  "-",  "@",  "\t", "\r",
                                         "\n", "＝", "＋", "－", "＠"};
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        if (strncmp(text, begins[i], strlen(begins[i])) == 0)
            return 1;
    }
    return 0;
}

static void put_text(struct sql_text *csv, const char *text)
{
    sql_text_put(csv, "\"%s", is_formula(text) ? "'" : "");
    for (const char *quote = NULL; (quote = strchr(text, '"')) != NULL; text = quote + 1)
        sql_text_put(csv, "%.*s\"\"", (int)(quote - text), text);
    sql_text_put(csv, "%s\"", text);
}

static void put_row(struct sql_text *csv, const PGresult *result, int row)
{
    for (int i = 0; i < PQnfields(result); i++) {
        sql_text_put(csv, "%s", i > 0 ? "," : "");
        if (PQftype(result, i) == TEXT_TYPE && !PQgetisnull(result, row, i))
            put_text(csv, PQgetvalue(result, row, i));
        else
            sql_text_put(csv, "%s", PQgetvalue(result, row, i));
    }
    sql_text_put(csv, "\r\n");
}

char *table_csv(const PGresult *result, size_t *size)
{
    struct sql_text csv = {.used = 0};
    sql_text_put(&csv, "\xEF\xBB\xBF");
    for (int i = 0; i < PQnfields(result); i++)
        sql_text_put(&csv, "%s%s", i > 0 ? "," : "", PQfname(result, i));
    sql_text_put(&csv, "\r\n");
    for (int row = 0; row < PQntuples(result); row++)
        put_row(&csv, result, row);
    if (csv.failed)
        sql_text_free(&csv);
    *size = csv.used;
    return csv.data;
}
