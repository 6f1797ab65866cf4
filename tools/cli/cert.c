/* SPDX-License-Identifier: Apache-2.0 */
/* The site's own certificate authority and the gateway's server certificate, by the openssl tool.
 * The authority is made once and kept; the certificate is made anew with each call, so that
 * rotation is: baiye cert …, then SIGHUP to the daemon. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "tools/cli/cli.h"
#include "tools/cli/qr.h"

#define HOSTS_MAX 8
#define CA_DAYS   "3650"
#define DAYS      "800" /* phones refuse server certificates of more than 825 */

struct paths {
    char ca_cert[CLI_PATH], ca_key[CLI_PATH], cert[CLI_PATH], key[CLI_PATH];
    char request[CLI_PATH], extensions[CLI_PATH], fresh[CLI_PATH];
};

static bool make_paths(struct paths *p, const char *folder)
{
    return cli_format(p->ca_cert, sizeof p->ca_cert, "%s/ca.pem", folder) &&
           cli_format(p->ca_key, sizeof p->ca_key, "%s/ca.key", folder) &&
           cli_format(p->cert, sizeof p->cert, "%s/server.pem", folder) &&
           cli_format(p->key, sizeof p->key, "%s/server.key", folder) &&
           cli_format(p->request, sizeof p->request, "%s/.request", folder) &&
           cli_format(p->extensions, sizeof p->extensions, "%s/.extensions", folder) &&
           cli_format(p->fresh, sizeof p->fresh, "%s/.fresh", folder);
}

static bool host_is_plain(const char *host)
{
    size_t size = strlen(host);
    return size > 0 && size < 128 &&
           strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:") ==
               size;
}

static bool make_ca(const struct paths *p, const char *site)
{
    char subject[64];
    if (!cli_format(subject, sizeof subject, "/CN=Baiye %s CA", site))
        return false;
    const char *const arguments[] = {"openssl",
                                     "req",
                                     "-x509",
                                     "-newkey",
                                     "ec",
                                     "-pkeyopt",
                                     "ec_paramgen_curve:P-256",
                                     "-nodes",
                                     "-sha256",
                                     "-days",
                                     CA_DAYS,
                                     "-subj",
                                     subject,
                                     "-keyout",
                                     p->ca_key,
                                     "-out",
                                     p->ca_cert,
                                     "-addext",
                                     "basicConstraints=critical,CA:TRUE,pathlen:0",
                                     "-addext",
                                     "keyUsage=critical,keyCertSign,cRLSign",
                                     NULL};
    if (access(p->ca_cert, F_OK) == 0 && access(p->ca_key, F_OK) == 0)
        return true;
    mode_t before = umask(0077);
    bool ok = cli_run(true, arguments) == 0;
    umask(before);
    if (!ok || chmod(p->ca_cert, 0644) != 0) {
        cli_complain("the certificate authority could not be made in %s", p->ca_cert);
        return false;
    }
    (void)printf("A new certificate authority: %s. Keep %s away from the network.\n", p->ca_cert,
                 p->ca_key);
    return true;
}

static bool write_extensions(const struct paths *p, char *const *hosts, size_t count)
{
    char text[2048] = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                      "extendedKeyUsage=serverAuth\nsubjectAltName=";
    for (size_t i = 0; i < count; i++) {
        unsigned char address[16];
        bool ip = inet_pton(AF_INET, hosts[i], address) == 1 ||
                  inet_pton(AF_INET6, hosts[i], address) == 1;
        size_t at = strlen(text);
        if (!cli_format(text + at, sizeof text - at, "%s%s:%s", i > 0 ? "," : "", ip ? "IP" : "DNS",
                        hosts[i]))
            return false;
    }
    size_t at = strlen(text);
    return cli_format(text + at, sizeof text - at, "\n") &&
           cli_write_file(p->extensions, text, strlen(text), 0600);
}

/* What `baiye cert` makes as root the daemon must be able to read: it is in the group to which the
 * configuration's folder belongs. */
static void share(const char *path, const char *folder)
{
    struct stat info;
    if (geteuid() == 0 && stat(folder, &info) == 0 && chown(path, (uid_t)-1, info.st_gid) != 0)
        cli_complain("can't give %s to the group of %s: %s", path, folder, strerror(errno));
}

static bool make_folder(const char *folder)
{
    char parent[CLI_PATH];
    if (mkdir(folder, 0750) != 0)
        return errno == EEXIST;
    if (cli_folder(folder, parent, sizeof parent))
        share(folder, parent);
    return true;
}

/* The key is renamed into place last: whoever finds both finds a pair that fits. */
static bool make_server(const struct paths *p, const char *folder, const char *host)
{
    char subject[160], fresh_key[CLI_PATH];
    if (!cli_format(subject, sizeof subject, "/CN=%.63s", host) ||
        !cli_format(fresh_key, sizeof fresh_key, "%s.key", p->fresh))
        return false;
    const char *const ask[] = {
        "openssl",  "req",     "-new",  "-newkey", "ec",      "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes",   "-sha256", "-subj", subject,   "-keyout", fresh_key,  "-out",
        p->request, NULL};
    const char *const sign[] = {"openssl", "x509",     "-req",   "-in",      p->request,
                                "-CA",     p->ca_cert, "-CAkey", p->ca_key,  "-CAcreateserial",
                                "-sha256", "-days",    DAYS,     "-extfile", p->extensions,
                                "-out",    p->fresh,   NULL};
    mode_t before = umask(0077);
    bool ok = cli_run(true, ask) == 0 && cli_run(true, sign) == 0;
    umask(before);
    struct stat old;
    bool replaces = stat(p->key, &old) == 0;
    if (ok && !replaces)
        share(fresh_key, folder);
    ok = ok && chmod(p->fresh, 0644) == 0 && chmod(fresh_key, 0640) == 0 &&
         (!replaces || chown(fresh_key, old.st_uid, old.st_gid) == 0) &&
         rename(p->fresh, p->cert) == 0 && rename(fresh_key, p->key) == 0;
    if (!ok)
        cli_complain("the server's certificate could not be made");
    (void)unlink(p->request);
    (void)unlink(p->extensions);
    (void)unlink(p->fresh);
    (void)unlink(fresh_key);
    return ok;
}

static void tell(const struct paths *p, const char *host, const char *port)
{
    char url[256];
    bool v6 = strchr(host, ':') != NULL;
    if (!cli_format(url, sizeof url, "https://%s%s%s:%s/ca.crt", v6 ? "[" : "", host, v6 ? "]" : "",
                    port))
        return;
    (void)printf(
        "\nIn the configuration:\n\n  http: { listen: 0.0.0.0:%s, cert_file: %s, key_file: "
        "%s }\n\nthen reload the gateway (systemctl reload baiyed). A phone takes the "
        "authority in from\n%s and checks that its fingerprint is:\n",
        port, p->cert, p->key, url);
    (void)fflush(stdout);
    const char *const print[] = {"openssl", "x509",         "-in",     p->ca_cert,
                                 "-noout",  "-fingerprint", "-sha256", NULL};
    (void)cli_run(false, print);
    qr_print(url);
}

static const char usage[] =
    "Usage: baiye cert --host NAME|IP [--host …] [--dir DIR] [--site NAME] [--port PORT]\n"
    "Makes the site's own certificate authority (once) and a server certificate for these names,\n"
    "and shows the QR code by which a phone takes the authority in.\n"
    "  --dir DIR    where the files go (/etc/baiye/tls)\n"
    "  --site NAME  in the authority's name (baiye)\n"
    "  --port PORT  of the gateway's HTTPS, for the QR code (8443)\n";

int cli_cert(int argc, char **argv)
{
    static const struct option longs[] = {
        {"host", required_argument, NULL, 'h'},
        {"dir", required_argument, NULL, 'd'},
        {"site", required_argument, NULL, 's'},
        {"port", required_argument, NULL, 'p'},
        {NULL, 0, NULL, 0},
    };
    const char *folder = "/etc/baiye/tls", *site = "baiye", *port = "8443";
    char *hosts[HOSTS_MAX];
    size_t count = 0;
    bool wrong = false;
    int letter;
    while ((letter = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (letter == 'h' && count < HOSTS_MAX && host_is_plain(optarg))
            hosts[count++] = optarg;
        else if (letter == 'd')
            folder = optarg;
        else if (letter == 's' && host_is_plain(optarg) && strlen(optarg) <= 32)
            site = optarg;
        else if (letter == 'p' && strspn(optarg, "0123456789") == strlen(optarg))
            port = optarg;
        else
            wrong = true;
    }
    if (wrong || count == 0 || optind < argc) {
        (void)fputs(usage, stderr);
        return EX_USAGE;
    }
    struct paths paths;
    if (!make_folder(folder)) {
        cli_complain("can't make %s: %s", folder, strerror(errno));
        return EX_CANTCREAT;
    }
    if (!make_paths(&paths, folder) || !make_ca(&paths, site) ||
        !write_extensions(&paths, hosts, count) || !make_server(&paths, folder, hosts[0]))
        return EX_CANTCREAT;
    tell(&paths, hosts[0], port);
    return EX_OK;
}
