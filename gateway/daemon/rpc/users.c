/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/rpc/users.h"

#include <stdio.h>
#include <string.h>

static const char *const role_names[] = {"unknown", "screen", "farmer", "technician"};

const char *user_role_name(enum user_role role)
{
    return role_names[role <= USER_TECHNICIAN ? role : USER_UNKNOWN];
}

bool user_role_parse(const char *name, enum user_role *role)
{
    for (int i = USER_SCREEN; i <= USER_TECHNICIAN; i++) {
        if (strcmp(name, role_names[i]) == 0) {
            *role = (enum user_role)i;
            return true;
        }
    }
    return false;
}

bool user_name_valid(const char *name)
{
    size_t size = strlen(name);
    return size > 0 && size < USER_NAME_SIZE &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

bool users_path(const char *config_file, char *out, size_t size)
{
    const char *slash = strrchr(config_file, '/');
    int folder = slash != NULL ? (int)(slash - config_file) + 1 : 0;
    int length = snprintf(out, size, "%.*susers", folder, config_file);
    return length > 0 && (size_t)length < size;
}

bool user_line(const char *line, char name[USER_NAME_SIZE], enum user_role *role)
{
    char role_name[16];
    return sscanf(line, "%32s %15s", name, role_name) == 2 && user_role_parse(role_name, role);
}

enum user_role users_role(const char *path, const char *name)
{
    char line[128], found[USER_NAME_SIZE];
    enum user_role role = USER_UNKNOWN, its;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return USER_UNKNOWN;
    while (role == USER_UNKNOWN && fgets(line, sizeof line, file) != NULL) {
        if (user_line(line, found, &its) && strcmp(found, name) == 0)
            role = its;
    }
    (void)fclose(file);
    return role;
}
