/* SPDX-License-Identifier: Apache-2.0 */
/* What is advised about a file that can't be read fits why it can't, in both languages. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/common/file_help.h"
#include "gateway/common/yaml.h"

static const struct file_reader service = {"baiye", "tea", false}, person = {"li", "users", true};
static char folder[] = "/tmp/test_file_help.XXXXXX";
static char file[64];

static int make(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(file, sizeof file, "%s/a.yaml", folder);
    FILE *made = fopen(file, "w");
    return made == NULL || fputs("site: garden\n", made) < 0 || fclose(made) != 0 ||
                   chmod(file, 0600) != 0
               ? -1
               : 0;
}

static int sweep(void **state)
{
    (void)state;
    return unlink(file) + rmdir(folder);
}

static const char *help(const struct file_reader *reader, const char *path, int error, bool chinese)
{
    static char text[FILE_HELP_SIZE];
    file_help(reader, path, error, chinese, text);
    return text;
}

static void expect(const char *text, const char *words)
{
    if (strstr(text, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, text);
}

static void a_name_that_is_wrong_is_to_be_corrected(void **state)
{
    (void)state;
    char path[128], said[128];
    (void)snprintf(path, sizeof path, "%s/gone/deep/b.yaml", folder);
    (void)snprintf(said, sizeof said, "`ls %s` ", folder);
    expect(help(&service, path, ENOENT, false), said);
    expect(help(&service, path, ENOENT, true), said);
    expect(help(&service, path, ENOENT, true), "请改正它的名字");
    expect(help(&service, "b.yaml", ENOENT, false), "`ls .` ");
    expect(help(&service, "/b.yaml", ENOENT, false), "`ls /` ");
    expect(help(&service, file, ENOTDIR, false), "is no folder");
    expect(help(&service, file, ELOOP, false), "in a circle");
}

static void a_service_is_given_the_file_by_its_group(void **state)
{
    (void)state;
    expect(help(&service, file, EACCES, false), "user baiye reads it");
    expect(help(&service, file, EACCES, false), "with mode 0600");
    expect(help(&service, file, EACCES, false), "sudo chgrp tea and sudo chmod 0640");
    expect(help(&service, file, EACCES, true), "sudo chgrp tea 和 sudo chmod 0640");
    assert_null(strstr(help(&service, file, EACCES, false), "name"));
}

/* Nobody is to open /root to a service. */
static void a_file_in_a_closed_folder_is_to_be_moved(void **state)
{
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/unseen.yaml", folder);
    expect(help(&service, path, EACCES, false), folder);
    expect(help(&service, path, EACCES, false), "with mode 0700: move the file");
    expect(help(&service, path, EACCES, true), "请把文件移到");
}

static void a_person_is_told_of_sudo(void **state)
{
    (void)state;
    expect(help(&person, file, EPERM, false), "you are li");
    expect(help(&person, file, EPERM, false), "run this with sudo");
    expect(help(&person, file, EACCES, true), "请加 sudo 运行");
}

static void a_disk_that_fails_is_no_matter_of_names(void **state)
{
    (void)state;
    expect(help(&person, file, EIO, false), "disk or card");
    expect(help(&person, file, EMFILE, false), "dmesg");
    expect(help(&person, file, EMFILE, true), "dmesg");
}

static void the_longest_path_leaves_what_to_do(void **state)
{
    (void)state;
    char path[CONFIG_PATH_SIZE + 8];
    struct config_error error;
    struct yaml_source source;
    (void)memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    expect(help(&service, path, EACCES, false), "move the file");
    (void)snprintf(path, sizeof path, "%s/no-such-file.yaml", folder);
    assert_false(yaml_open(&source, path, &error));
    yaml_close(&source);
    expect(error.text, "No such file or directory; correct its name: `ls ");
    assert_false(yaml_open(&source, folder, &error));
    yaml_close(&source);
    expect(error.text, "Is a directory; name the file itself");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_is_wrong_is_to_be_corrected),
        cmocka_unit_test(a_service_is_given_the_file_by_its_group),
        cmocka_unit_test(a_file_in_a_closed_folder_is_to_be_moved),
        cmocka_unit_test(a_person_is_told_of_sudo),
        cmocka_unit_test(a_disk_that_fails_is_no_matter_of_names),
        cmocka_unit_test(the_longest_path_leaves_what_to_do),
    };
    return cmocka_run_group_tests(tests, make, sweep);
}
