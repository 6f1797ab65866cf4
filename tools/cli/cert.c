/* SPDX-License-Identifier: Apache-2.0 */
/* The site's own certificate authority and the gateway's server certificate, by the openssl tool.
 * The authority is made once and kept; the certificate is made anew with each call, so that
 * rotation is: baiye cert …, then SIGHUP to the daemon. The authority can vouch for the names that
 * it was made for and for nothing else, so that its key is worth nothing against any other site.
 * Its key may be taken off the box: then it is brought along for each new certificate. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "gateway/common/clock.h"
#include "gateway/common/language.h"
#include "gateway/common/text.h"
#include "tools/cli/cli.h"
#include "tools/cli/outcome.h"
#include "tools/cli/qr.h"

#define HOSTS_MAX  8
#define HOST_SIZE  128
#define CA_DAYS    "3650"
#define DAYS       "800"          /* phones refuse server certificates of more than 825 */
#define RENEW_S    "2674800"      /* so long before its end: in the hours before the last 30 days */
#define KEY_MOST   4096           /* bytes of a key's file; one of ours has 241 */
#define CA_NOWHERE "none.invalid" /* a name that nobody can have */

struct paths {
    char ca_cert[CLI_PATH], ca_key[CLI_PATH], cert[CLI_PATH], key[CLI_PATH];
    char request[CLI_PATH], extensions[CLI_PATH], fresh[CLI_PATH];
};

struct wish {
    const char *folder, *site, *port;
    const char *brought; /* the authority's key, NULL: it lies in the folder */
    char hosts[HOSTS_MAX][HOST_SIZE];
    size_t count;
    bool new_ca, ca_off, renew;
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
    return size > 0 && size < HOST_SIZE &&
           strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:") ==
               size;
}

/* 4, 6, or 0 for a name. */
static int ip_version(const char *host)
{
    unsigned char address[16];
    if (inet_pton(AF_INET, host, address) == 1)
        return 4;
    return inet_pton(AF_INET6, host, address) == 1 ? 6 : 0;
}

/* ---- The authority ---- */

/* A kind of name of which none is permitted is not constrained at all: then names get one that
 * nobody can have, and all addresses are excluded. */
static bool write_constraints(char *out, size_t size, const struct wish *wish)
{
    bool name = false, address = false;
    if (!cli_format(out, size, "nameConstraints=critical"))
        return false;
    for (size_t i = 0; i < wish->count; i++) {
        int version = ip_version(wish->hosts[i]);
        size_t at = strlen(out);
        name = name || version == 0;
        address = address || version != 0;
        if (!cli_format(out + at, size - at, ",permitted;%s:%s%s", version == 0 ? "DNS" : "IP",
                        wish->hosts[i],
                        version == 4   ? "/255.255.255.255"
                        : version == 6 ? "/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
                                       : ""))
            return false;
    }
    size_t at = strlen(out);
    return cli_format(out + at, size - at, "%s%s", name ? "" : ",permitted;DNS:" CA_NOWHERE,
                      address ? "" : ",excluded;IP:0.0.0.0/0.0.0.0,excluded;IP:::/::");
}

static bool make_ca(const struct paths *p, const struct wish *wish)
{
    char subject[64], constraints[HOSTS_MAX * (HOST_SIZE + 64)];
    if (access(p->ca_cert, F_OK) == 0 && !wish->new_ca)
        return true;
    if (!cli_format(subject, sizeof subject, "/CN=Baiye %s CA", wish->site) ||
        !write_constraints(constraints, sizeof constraints, wish))
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
                                     "-addext",
                                     "extendedKeyUsage=serverAuth",
                                     "-addext",
                                     constraints,
                                     NULL};
    mode_t before = umask(0077);
    bool ok = cli_run(true, arguments) == 0;
    umask(before);
    if (!ok || chmod(p->ca_cert, 0644) != 0) {
        cli_complain("the certificate authority could not be made in %s", p->ca_cert);
        return false;
    }
    cli_say(_("A new certificate authority: %s. It can vouch for these names only.\n"
              "Keep %s away from the network; --ca-off takes it off this machine.\n"),
            p->ca_cert, p->ca_key);
    return true;
}

/* Overwritten before it goes; what a memory card has copied elsewhere by itself stays there. */
static bool wipe_file(const char *path, size_t size)
{
    static const char zeros[KEY_MOST];
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    bool ok = fd >= 0 && cli_write_all(fd, zeros, size) && fsync(fd) == 0;
    if (fd >= 0 && close(fd) != 0)
        ok = false;
    if (unlink(path) != 0)
        ok = false;
    if (!ok)
        cli_complain("%s could not be removed: %s", path, strerror(errno));
    return ok;
}

/* The key goes to whoever asked and from the box, in that order. */
static bool take_ca_off(const struct paths *p)
{
    char text[KEY_MOST];
    FILE *file = fopen(p->ca_key, "re");
    if (file == NULL) {
        cli_complain("there is no %s: %s", p->ca_key, strerror(errno));
        return false;
    }
    size_t size = fread(text, 1, sizeof text, file);
    bool ok = !ferror(file) && size > 0 && size < sizeof text;
    (void)fclose(file);
    ok = ok &&
         printf("\n%s\n%.*s",
                _("The authority's key, for paper or a stick in a locked place; a new certificate\n"
                  "needs it (baiye cert --host … --ca-key FILE). It is not on this machine any\n"
                  "more.\n"),
                (int)size, text) > 0 &&
         fflush(stdout) == 0 && outcome_print();
    explicit_bzero(text, sizeof text);
    if (!ok)
        cli_complain("the key could not be printed: %s stays where it is", p->ca_key);
    return ok && wipe_file(p->ca_key, size);
}

/* ---- The server's certificate ---- */

static bool write_extensions(const struct paths *p, const struct wish *wish)
{
    char text[2048] = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                      "extendedKeyUsage=serverAuth\nsubjectAltName=";
    for (size_t i = 0; i < wish->count; i++) {
        size_t at = strlen(text);
        if (!cli_format(text + at, sizeof text - at, "%s%s:%s", i > 0 ? "," : "",
                        ip_version(wish->hosts[i]) != 0 ? "IP" : "DNS", wish->hosts[i]))
            return false;
    }
    size_t at = strlen(text);
    return cli_format(text + at, sizeof text - at, "\n") &&
           cli_write_file(p->extensions, text, strlen(text), 0600);
}

/* Whoever trusts the authority takes this certificate, whatever the time is. */
static bool is_vouched_for(const struct paths *p, const char *cert)
{
    const char *const verify[] = {"openssl",        "verify",   "-no-CApath", "-no-CAstore",
                                  "-CAfile",        p->ca_cert, "-purpose",   "sslserver",
                                  "-no_check_time", cert,       NULL};
    return cli_run(true, verify) == 0;
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

/* Where the authority's key is for signing; NULL and a complaint: nowhere. */
static const char *signing_key(const struct paths *p, const struct wish *wish)
{
    if (wish->brought != NULL)
        return strcmp(wish->brought, "-") == 0 ? "/dev/stdin" : wish->brought;
    if (access(p->ca_key, R_OK) == 0)
        return p->ca_key;
    cli_complain("the authority's key is not on this machine: bring it with --ca-key FILE (- is "
                 "standard input); --new-ca makes a new authority, which every phone must take in");
    return NULL;
}

static bool sign_request(const struct paths *p, const char *ca_key)
{
    const char *const sign[] = {"openssl", "x509",     "-req",   "-in",      p->request,
                                "-CA",     p->ca_cert, "-CAkey", ca_key,     "-CAcreateserial",
                                "-sha256", "-days",    DAYS,     "-extfile", p->extensions,
                                "-out",    p->fresh,   NULL};
    if (cli_run(true, sign) != 0) {
        cli_complain("the certificate could not be signed: is %s the key of %s?", ca_key,
                     p->ca_cert);
        return false;
    }
    if (is_vouched_for(p, p->fresh))
        return true;
    cli_complain("the authority %s was made for other names and can't vouch for these; --new-ca "
                 "makes a new one, which every phone must take in",
                 p->ca_cert);
    return false;
}

/* The key is renamed into place last: whoever finds both finds a pair that fits. */
static bool place_pair(const struct paths *p, const char *fresh_key, const char *folder)
{
    struct stat old;
    bool replaces = stat(p->key, &old) == 0;
    if (!replaces)
        share(fresh_key, folder);
    return chmod(p->fresh, 0644) == 0 && chmod(fresh_key, 0640) == 0 &&
           (!replaces || chown(fresh_key, old.st_uid, old.st_gid) == 0) &&
           rename(p->fresh, p->cert) == 0 && rename(fresh_key, p->key) == 0;
}

static bool make_server(const struct paths *p, const struct wish *wish)
{
    char fresh_key[CLI_PATH];
    const char *ca_key = signing_key(p, wish);
    if (ca_key == NULL || !write_extensions(p, wish) ||
        !cli_format(fresh_key, sizeof fresh_key, "%s.key", p->fresh))
        return false;
    const char *const ask[] = {"openssl",
                               "req",
                               "-new",
                               "-newkey",
                               "ec",
                               "-pkeyopt",
                               "ec_paramgen_curve:P-256",
                               "-nodes",
                               "-sha256",
                               "-subj",
                               "/CN=Baiye gateway",
                               "-keyout",
                               fresh_key,
                               "-out",
                               p->request,
                               NULL};
    mode_t before = umask(0077);
    bool ok = cli_run(true, ask) == 0 && sign_request(p, ca_key);
    umask(before);
    ok = ok && place_pair(p, fresh_key, wish->folder);
    if (!ok)
        cli_complain("no new certificate was made; what was there stays in force");
    (void)unlink(p->request);
    (void)unlink(p->extensions);
    (void)unlink(p->fresh);
    (void)unlink(fresh_key);
    return ok;
}

/* ---- Renewal ---- */

static bool add_name(struct wish *wish, const GENERAL_NAME *name)
{
    if (wish->count >= HOSTS_MAX)
        return false;
    char *out = wish->hosts[wish->count];
    if (name->type == GEN_IPADD) {
        int size = ASN1_STRING_length(name->d.iPAddress);
        if (inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), out,
                      HOST_SIZE) == NULL)
            return false;
    } else if (name->type != GEN_DNS ||
               !cli_format(out, HOST_SIZE, "%.*s", ASN1_STRING_length(name->d.dNSName),
                           (const char *)ASN1_STRING_get0_data(name->d.dNSName))) {
        return false;
    }
    wish->count++;
    return host_is_plain(out);
}

/* The names of a certificate that we made. */
static bool read_names(const char *cert, struct wish *wish)
{
    FILE *file = fopen(cert, "re");
    X509 *x509 = file != NULL ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    GENERAL_NAMES *names =
        x509 != NULL ? X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL) : NULL;
    bool ok = names != NULL;
    for (int i = 0; ok && i < sk_GENERAL_NAME_num(names); i++)
        ok = add_name(wish, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
    X509_free(x509);
    if (file != NULL)
        (void)fclose(file);
    if (!ok || wish->count == 0)
        cli_complain("the names in %s can't be read", cert);
    return ok && wish->count > 0;
}

/* Twice a day, by the timer. A clock that is years off would make a certificate that no phone
 * takes. */
static int renew(const struct paths *p, struct wish *wish)
{
    const char *const lasts[] = {"openssl", "x509", "-checkend", RENEW_S,
                                 "-noout",  "-in",  p->cert,     NULL};
    const char *const reload[] = {"systemctl", "try-reload-or-restart", "baiyed", NULL};
    if (access(p->cert, F_OK) != 0 || access(p->ca_cert, F_OK) != 0 || cli_run(true, lasts) == 0)
        return EX_OK;
    if (!is_vouched_for(p, p->cert)) {
        cli_say(_("%s is not of this site's authority: renew it where it comes from.\n"), p->cert);
        return EX_OK;
    }
    if (!clock_is_trusted(clock_now().wall_ms, 0)) {
        cli_complain("%s ends soon, but what time it is is not known: later", p->cert);
        return EX_TEMPFAIL;
    }
    if (!read_names(p->cert, wish) || !make_server(p, wish))
        return EX_CANTCREAT;
    cli_say(_("%s was renewed, for %s days.\n"), p->cert, DAYS);
    outcome_add("renewed", json_string(p->cert));
    if (access("/run/systemd/system", F_OK) == 0 && cli_run(true, reload) != 0)
        cli_complain("baiyed could not be made to read it: systemctl reload baiyed");
    return EX_OK;
}

/* ---- The command ---- */

/* As phones and openssl show it, in two lines. */
static void print_fingerprint(const char *path)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    char text[3 * sizeof digest + 8] = "";
    FILE *file = fopen(path, "re");
    X509 *x509 = file != NULL ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    if (x509 != NULL && X509_digest(x509, EVP_sha256(), digest, &size) == 1) {
        for (unsigned i = 0; i < size; i++)
            (void)text_add(text, sizeof text, "%s%02X",
                           i == 0          ? ""
                           : i == size / 2 ? ":\n  "
                                           : ":",
                           digest[i]);
        (void)printf("  %s\n", text);
    }
    X509_free(x509);
    if (file != NULL)
        (void)fclose(file);
}

static void tell(const struct paths *p, const char *host, const char *port)
{
    char url[256];
    bool v6 = strchr(host, ':') != NULL;
    if (!cli_format(url, sizeof url, "https://%s%s%s:%s/ca.crt", v6 ? "[" : "", host, v6 ? "]" : "",
                    port))
        return;
    cli_say(_("\nIn the configuration:\n\n"
              "  http: { listen: 0.0.0.0:%s, cert_file: %s, key_file: %s }\n\n"
              "then reload the gateway (systemctl reload baiyed). A phone takes the authority\n"
              "in from %s and checks that its fingerprint is:\n"),
            port, p->cert, p->key, url);
    outcome_add("certificate", json_string(p->cert));
    outcome_add("key", json_string(p->key));
    outcome_add("authority", json_string(p->ca_cert));
    outcome_add("authority_url", json_string(url));
    print_fingerprint(p->ca_cert);
    qr_print(url);
}

static const char usage[] = N_(
    "Usage: baiye cert --host NAME|IP [--host …] [--dir DIR] [--site NAME] [--port PORT]\n"
    "         [--new-ca] [--ca-key FILE] [--ca-off] [--json]\n"
    "       baiye cert --ca-off [--dir DIR] [--json]\n"
    "       baiye cert --renew [--dir DIR] [--json]\n"
    "Makes the site's own certificate authority (once) and a server certificate for these names,\n"
    "and shows the QR code by which a phone takes the authority in. The authority can vouch for\n"
    "the names of that first time only.\n"
    "  --dir DIR      where the files go (/etc/baiye/tls)\n"
    "  --site NAME    in the authority's name (baiye)\n"
    "  --port PORT    of the gateway's HTTPS, for the QR code (8443)\n"
    "  --new-ca       a new authority: for other names, or when its key is lost. Every phone must\n"
    "                 take it in\n"
    "  --ca-off       prints the authority's key and removes it from this machine\n"
    "  --ca-key FILE  the authority's key when it is not on this machine, - is standard input\n"
    "  --renew        a new certificate for the same names, if the one there has no more\n"
    "                 than 30 days left; the gateway takes it. baiye-cert.timer does this twice a "
    "day\n");

static bool read_wish(int argc, char **argv, struct wish *wish)
{
    static const struct option longs[] = {
        {"host", required_argument, NULL, 'h'},
        {"dir", required_argument, NULL, 'd'},
        {"site", required_argument, NULL, 's'},
        {"port", required_argument, NULL, 'p'},
        {"ca-key", required_argument, NULL, 'k'},
        {"new-ca", no_argument, NULL, 'n'},
        {"ca-off", no_argument, NULL, 'o'},
        {"renew", no_argument, NULL, 'r'},
        {NULL, 0, NULL, 0},
    };
    bool right = true;
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (letter == 'h' && wish->count < HOSTS_MAX && host_is_plain(optarg))
            right = cli_format(wish->hosts[wish->count++], HOST_SIZE, "%s", optarg) && right;
        else if (letter == 'd')
            wish->folder = optarg;
        else if (letter == 's' && host_is_plain(optarg) && strlen(optarg) <= 32)
            wish->site = optarg;
        else if (letter == 'p' && strspn(optarg, "0123456789") == strlen(optarg))
            wish->port = optarg;
        else if (letter == 'k')
            wish->brought = optarg;
        else if (letter == 'n')
            wish->new_ca = true;
        else if (letter == 'o')
            wish->ca_off = true;
        else if (letter == 'r')
            wish->renew = true;
        else
            right = false;
    }
    bool alone = wish->renew && !wish->ca_off && !wish->new_ca && wish->count == 0;
    bool names = wish->count > 0 || (wish->ca_off && !wish->new_ca && wish->brought == NULL);
    return right && optind == argc && (wish->renew ? alone : names) &&
           !(wish->new_ca && wish->brought != NULL);
}

int cli_cert(int argc, char **argv)
{
    struct wish wish = {.folder = "/etc/baiye/tls", .site = "baiye", .port = "8443"};
    struct paths paths;
    if (!read_wish(argc, argv, &wish))
        return cli_usage(usage);
    if (!make_paths(&paths, wish.folder))
        return EX_CANTCREAT;
    if (wish.renew)
        return renew(&paths, &wish);
    if (wish.count > 0) {
        if (!make_folder(wish.folder)) {
            cli_complain("can't make %s: %s", wish.folder, strerror(errno));
            return EX_CANTCREAT;
        }
        if (!make_ca(&paths, &wish) || !make_server(&paths, &wish))
            return EX_CANTCREAT;
        tell(&paths, wish.hosts[0], wish.port);
    }
    return wish.ca_off && !take_ca_off(&paths) ? EX_CANTCREAT : EX_OK;
}
