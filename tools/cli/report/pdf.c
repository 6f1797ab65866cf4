/* SPDX-License-Identifier: Apache-2.0 */
/* Chromium decodes pictures of others, so it never runs as root: there it is `nobody`, in a folder
 * of its own, where its own sandbox, which root can't have, is not needed as well. */
#include "tools/cli/report/pdf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "tools/cli/cli.h"

#define NOBODY    65534
#define PRINT_S   "120" /* a small box with many photos */
#define PDF_MAX   (128u << 20)
#define ARGUMENTS 24

static const char *find_browser(void)
{
    static const char *const paths[] = {"/usr/bin/chromium", "/usr/bin/chromium-browser",
                                        "/usr/bin/google-chrome"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (access(paths[i], X_OK) == 0)
            return paths[i];
    }
    return NULL;
}

/* In a folder that only we, and whoever prints, look into. */
static bool put_html(const char *folder, const char *html, size_t size)
{
    char path[CLI_PATH];
    return cli_format(path, sizeof path, "%s/sheet.html", folder) &&
           cli_write_file(path, html, size, 0644) &&
           (geteuid() != 0 || chown(folder, NOBODY, NOBODY) == 0);
}

static bool print(const char *browser, const char *folder)
{
    char from[CLI_PATH], to[CLI_PATH], home[CLI_PATH], profile[CLI_PATH];
    const char *arguments[ARGUMENTS];
    unsigned count = 0;
    if (!cli_format(from, sizeof from, "file://%s/sheet.html", folder) ||
        !cli_format(to, sizeof to, "--print-to-pdf=%s/sheet.pdf", folder) ||
        !cli_format(home, sizeof home, "HOME=%s", folder) ||
        !cli_format(profile, sizeof profile, "--user-data-dir=%s/profile", folder))
        return false;
    if (geteuid() == 0) {
        static const char *const lesser[] = {"setpriv", "--reuid=65534", "--regid=65534",
                                             "--clear-groups", "--no-new-privs"};
        for (size_t i = 0; i < sizeof lesser / sizeof lesser[0]; i++)
            arguments[count++] = lesser[i];
    }
    const char *const rest[] = {"timeout",
                                "-k",
                                "5",
                                PRINT_S,
                                "env",
                                home,
                                browser,
                                "--headless",
                                "--disable-gpu",
                                "--disable-dev-shm-usage",
                                "--no-pdf-header-footer",
                                profile,
                                to};
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        arguments[count++] = rest[i];
    if (geteuid() == 0)
        arguments[count++] = "--no-sandbox";
    arguments[count++] = from;
    arguments[count] = NULL;
    return cli_run(true, arguments) == 0;
}

/* What another user made is read as what it may be: a file, of a size. */
static int take_pdf(const char *folder, const char *path)
{
    char made[CLI_PATH];
    struct stat about;
    if (!cli_format(made, sizeof made, "%s/sheet.pdf", folder))
        return EX_UNAVAILABLE;
    int fd = open(made, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool good = fd >= 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0 &&
                about.st_size < PDF_MAX;
    char *data = good ? malloc((size_t)about.st_size) : NULL;
    good = data != NULL && read(fd, data, (size_t)about.st_size) == about.st_size;
    if (fd >= 0)
        (void)close(fd);
    if (!good)
        cli_complain("Chromium made no PDF; the HTML file can be printed by any browser");
    int code = !good                                                     ? EX_UNAVAILABLE
               : cli_write_file(path, data, (size_t)about.st_size, 0644) ? EX_OK
                                                                         : EX_CANTCREAT;
    free(data);
    return code;
}

int pdf_print(const char *html, size_t size, const char *path)
{
    char folder[] = "/tmp/baiye-report-XXXXXX";
    const char *browser = find_browser();
    if (browser == NULL) {
        cli_complain("a PDF needs Chromium (apt install chromium); the HTML file can be printed by "
                     "any browser");
        return EX_UNAVAILABLE;
    }
    if (mkdtemp(folder) == NULL) {
        cli_complain("/tmp: %s", strerror(errno));
        return EX_CANTCREAT;
    }
    int code = EX_UNAVAILABLE;
    if (put_html(folder, html, size)) {
        if (!print(browser, folder))
            cli_complain("Chromium did not end well");
        code = take_pdf(folder, path);
    }
    (void)cli_run(true, (const char *const[]){"rm", "-rf", "--", folder, NULL});
    return code;
}
