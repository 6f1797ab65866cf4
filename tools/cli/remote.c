/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye remote HOST`: the farm away from the farm, on a small server of one's own. A broker entry
 * feeds mosquitto there by WebSocket and TLS, phones come by the same way and address. This writes
 * the entry, and a folder with all that the server needs; nothing of the farm can be reached from
 * outside, and the server knows no password of the farm. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "gateway/daemon/config/yaml_edit.h"
#include "gateway/daemon/rpc/users.h"
#include "tools/cli/cli.h"
#include "tools/cli/commission/trial.h"
#include "tools/cli/reload.h"
#include "tools/cli/user_files.h"
#include "tools/cli/user_invite.h"

#define BROKER_NAME     "remote"
#define GATEWAY_ACCOUNT "farm.gateway" /* nobody of the farm can have this name */
#define SYSTEM_CA       "/etc/ssl/certs/ca-certificates.crt"
#define HOST_SIZE       128
#define PASSWORD_BYTES  24
#define FAREWELL                                                                                   \
    _("Now: scp -r %s root@%.*s: ; then there: sh remote/install.sh. It installs mosquitto\n"      \
      "and caddy, which fetches the certificate; ports 80 and 443 must be open. Do it again\n"     \
      "after each change of users. Phones away from the farm open https://%s\n")

static const char usage[] =
    N_("Usage: baiye remote HOST[:PORT] [--requests county|farm] [--budget SIZE/month]\n"
       "         [--new-password NAME] [--cert FILE --key FILE] [--ca FILE]\n"
       "         [--json] [--config FILE] [--socket FILE]\n"
       "The app away from the farm, by a small server of your own with the name HOST: adds a\n"
       "broker entry to the configuration, and writes the folder remote/ beside it with what the\n"
       "server needs: the app, mosquitto's configuration, accounts and access list, caddy's\n"
       "configuration, install.sh. Each farmer and technician gets an account of its own there,\n"
       "shown as a code that the phone scans. Again after users have changed: passwords stay.\n"
       "  --requests      what phones may ask from there: county (unless given): charts, nothing\n"
       "                  that changes anything; farm: what they may at the farm\n"
       "  --budget        mobile data for it, 100MB/month unless given\n"
       "  --new-password  gives this user another password there\n"
       "  --cert, --key   files on the server, where caddy is not to fetch a certificate itself\n"
       "  --ca            the authority of the certificate, where it is not a public one\n");

struct remote {
    const char *host, *requests, *budget, *again, *cert, *key, *ca, *config, *socket;
    char folder[CLI_PATH], passwords[CLI_PATH], password_file[CLI_PATH];
    struct user_files files; /* the farm's */
};

/* ---- What is asked for ---- */

static bool host_valid(const char *host)
{
    size_t name = strcspn(host, ":");
    bool good = name > 0 && strlen(host) < HOST_SIZE;
    for (size_t i = 0; good && i < name; i++)
        good = isalnum((unsigned char)host[i]) != 0 || host[i] == '-' || host[i] == '.';
    if (!good || host[name] == '\0')
        return good;
    char *end;
    long port = strtol(host + name + 1, &end, 10);
    return *end == '\0' && port > 0 && port < 65536;
}

static bool read_options(int argc, char **argv, struct remote *remote)
{
    static const struct option longs[] = {{"requests", required_argument, NULL, 'r'},
                                          {"budget", required_argument, NULL, 'b'},
                                          {"new-password", required_argument, NULL, 'n'},
                                          {"cert", required_argument, NULL, 'C'},
                                          {"key", required_argument, NULL, 'k'},
                                          {"ca", required_argument, NULL, 'a'},
                                          {"config", required_argument, NULL, 'c'},
                                          {"socket", required_argument, NULL, 's'},
                                          {NULL, 0, NULL, 0}};
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        const char **where = letter == 'r'   ? &remote->requests
                             : letter == 'b' ? &remote->budget
                             : letter == 'n' ? &remote->again
                             : letter == 'C' ? &remote->cert
                             : letter == 'k' ? &remote->key
                             : letter == 'a' ? &remote->ca
                             : letter == 'c' ? &remote->config
                             : letter == 's' ? &remote->socket
                                             : NULL;
        if (where == NULL)
            return false;
        *where = optarg;
    }
    remote->host = optind + 1 == argc ? argv[optind] : "";
    bool rights = strcmp(remote->requests, "county") == 0 || strcmp(remote->requests, "farm") == 0;
    return rights && (remote->cert == NULL) == (remote->key == NULL) && host_valid(remote->host);
}

/* ---- Accounts ---- */

static bool known_there(const struct remote *remote, const char *name)
{
    char *text = user_read_text(remote->passwords);
    size_t size = strlen(name);
    bool found = false;
    for (const char *line = text; line != NULL && *line != '\0' && !found;) {
        found = strncmp(line, name, size) == 0 && line[size] == ':';
        line += strcspn(line, "\n");
        line += *line != '\0';
    }
    free(text);
    return found;
}

/* The server's password file is another one than the farm's; all in it are made up. */
static bool set_password(const struct remote *remote, const char *name, const char *password)
{
    struct user_files there = remote->files;
    return cli_format(there.passwords, sizeof there.passwords, "%s", remote->passwords) &&
           user_set_password(&there, name, password, PASSWORD_ITERATIONS_RANDOM);
}

/* The gateway's is made up once, and kept where the entry names it. */
static bool make_gateway_account(const struct remote *remote)
{
    char password[PASSWORD_BYTES + 1];
    bool ok = true;
    if (access(remote->password_file, F_OK) == 0 && known_there(remote, GATEWAY_ACCOUNT))
        return true;
    ok = cli_random_text(password, PASSWORD_BYTES) &&
         cli_write_file(remote->password_file, password, strlen(password), 0640) &&
         set_password(remote, GATEWAY_ACCOUNT, password);
    explicit_bzero(password, sizeof password);
    return ok;
}

static bool make_account(const struct remote *remote, const char *name)
{
    char password[PASSWORD_BYTES + 1], address[HOST_SIZE + 16];
    bool again = remote->again != NULL && strcmp(remote->again, name) == 0;
    if (known_there(remote, name) && !again)
        return true;
    bool ok = cli_format(address, sizeof address, "https://%s", remote->host) &&
              cli_random_text(password, PASSWORD_BYTES) && set_password(remote, name, password) &&
              user_invite_print(address, name, password, false);
    explicit_bzero(password, sizeof password);
    return ok;
}

/* Who is no user of the farm any more is none there. */
static bool drop_others(const struct remote *remote)
{
    char *text = user_read_text(remote->passwords), *rest = text, *line;
    bool ok = text != NULL;
    while (ok && (line = strsep(&rest, "\n")) != NULL) {
        line[strcspn(line, ":")] = '\0';
        enum user_role role = users_role(remote->files.users, line);
        if (line[0] != '\0' && strcmp(line, GATEWAY_ACCOUNT) != 0 && role != USER_FARMER &&
            role != USER_TECHNICIAN)
            ok = user_replace_lines(remote->passwords, line, ':', "", NULL);
    }
    free(text);
    return ok;
}

static bool make_accounts(const struct remote *remote)
{
    char *text = user_read_text(remote->files.users), *rest = text, *line;
    bool ok = text != NULL && drop_others(remote) && make_gateway_account(remote);
    while (ok && (line = strsep(&rest, "\n")) != NULL) {
        line[strcspn(line, " ")] = '\0';
        enum user_role role = users_role(remote->files.users, line);
        if (role == USER_FARMER || role == USER_TECHNICIAN)
            ok = make_account(remote, line);
    }
    free(text);
    return ok;
}

/* ---- The server's files ---- */

static bool write_there(const struct remote *remote, const char *name, const char *text)
{
    char path[CLI_PATH];
    return cli_format(path, sizeof path, "%s/%s", remote->folder, name) &&
           cli_write_file(path, text, strlen(text), 0644);
}

/* Debian's mosquitto 2.0.11 does not start with listeners for WebSocket only. */
static const char mosquitto_conf[] =
    "# Written by `baiye remote`; caddy passes phones and the farm on to 9001.\n"
    "listener 1883 127.0.0.1\n"
    "listener 9001 127.0.0.1\n"
    "protocol websockets\n"
    "allow_anonymous false\n"
    "password_file /etc/mosquitto/baiye.passwd\n"
    "acl_file /etc/mosquitto/baiye.acl\n";

static const char install_sh[] =
    "#!/bin/sh\n"
    "# Written by `baiye remote`: run it as root on the server (Debian).\n"
    "set -e\n"
    "cd \"$(dirname \"$0\")\"\n"
    "apt-get install -y mosquitto caddy\n"
    "install -m 644 mosquitto.conf /etc/mosquitto/conf.d/baiye.conf\n"
    "install -m 640 -g mosquitto baiye.passwd baiye.acl /etc/mosquitto/\n"
    "mkdir -p /srv/baiye\n"
    "rm -rf /srv/baiye/app\n"
    "cp -r app /srv/baiye/app\n"
    "install -m 644 Caddyfile /etc/caddy/baiye.caddy\n"
    "grep -q baiye.caddy /etc/caddy/Caddyfile || echo 'import baiye.caddy' >>/etc/caddy/Caddyfile\n"
    "systemctl restart mosquitto\n"
    "systemctl reload-or-restart caddy\n";

/* One name and one port, 443, for the app, its broker and the farm. */
static bool write_caddyfile(const struct remote *remote)
{
    char text[2048], tls[2 * CLI_PATH] = "";
    if (remote->cert != NULL &&
        !cli_format(tls, sizeof tls, "\ttls %s %s\n", remote->cert, remote->key))
        return false;
    return cli_format(text, sizeof text,
                      "# Written by `baiye remote`.\n"
                      "%s {\n%s"
                      "\troot * /srv/baiye/app\n"
                      "\treverse_proxy /mqtt 127.0.0.1:9001\n"
                      "\theader X-Frame-Options DENY\n"
                      "\theader /assets/* Cache-Control \"public, max-age=31536000, immutable\"\n"
                      "\tfile_server {\n\t\tprecompressed gzip\n\t}\n"
                      "}\n",
                      remote->host, tls) &&
           write_there(remote, "Caddyfile", text);
}

static bool copy_app(const struct remote *remote)
{
    char to[CLI_PATH], from[CLI_PATH];
    const char *app = remote->files.config->app_dir;
    if (!cli_format(to, sizeof to, "%s/app", remote->folder) ||
        !cli_format(from, sizeof from, "%s/.", app[0] != '\0' ? app : "/usr/share/baiye/app"))
        return false;
    if (access(from, R_OK) != 0) {
        cli_complain("there is no app in %s; name its folder as http.app_dir in %s", from,
                     remote->config);
        return false;
    }
    const char *const copy[] = {"cp", "-r", from, to, NULL};
    const char *const empty[] = {"rm", "-rf", to, NULL};
    return cli_run(true, empty) == 0 && mkdir(to, 0755) == 0 && cli_run(false, copy) == 0;
}

static bool write_server(const struct remote *remote)
{
    char acl[CLI_PATH];
    return cli_format(acl, sizeof acl, "%s/baiye.acl", remote->folder) &&
           user_write_acl_elsewhere(&remote->files, acl, GATEWAY_ACCOUNT) &&
           write_there(remote, "mosquitto.conf", mosquitto_conf) &&
           write_there(remote, "install.sh", install_sh) && write_caddyfile(remote) &&
           copy_app(remote);
}

/* ---- The entry ---- */

static bool has_entry(const struct config *config)
{
    for (uint16_t i = 0; i < config->broker_count; i++) {
        if (strcmp(config->brokers[i].name, BROKER_NAME) == 0)
            return true;
    }
    return false;
}

static bool write_entry(const struct remote *remote)
{
    char item[1024], why[512];
    if (!cli_format(item, sizeof item,
                    "{ name: " BROKER_NAME ", url: \"wss://%s/mqtt\", user: " GATEWAY_ACCOUNT
                    ", password_file: " BROKER_NAME ".pass, ca_file: \"%s\", batch: 10min, "
                    "budget: %s, encoding: deflate, keepalive: 4min, requests: %s, "
                    "send: [readings, live, alerts, forecast, site, status] }",
                    remote->host, remote->ca, remote->budget, remote->requests))
        return false;
    char *old = trial_read(remote->config);
    char *text = old != NULL ? yaml_add_broker(old, item, why, sizeof why) : NULL;
    bool right = text != NULL && trial_is_right(remote->config, text, why, sizeof why);
    if (old != NULL && !right)
        cli_complain("%s", why);
    bool ok = right && trial_keep(remote->config, old) &&
              cli_write_file(remote->config, text, strlen(text), 0640);
    free(text);
    free(old);
    return ok;
}

/* No gateway runs: it takes the file at its start. */
static bool take_entry(const struct remote *remote)
{
    struct reloaded end;
    int code = reload_gateway(remote->socket, &end);
    if (code == EX_CONFIG)
        cli_complain("%s", end.why);
    return code != EX_CONFIG;
}

/* An entry that is there stays as it is: it may have been changed by hand. */
static int enter(const struct remote *remote)
{
    if (has_entry(remote->files.config))
        cli_say(_("The entry \"%s\" of mqtt: in %s stays as it is.\n"), BROKER_NAME,
                remote->config);
    else if (!write_entry(remote) || !take_entry(remote))
        return EX_CONFIG;
    cli_say(FAREWELL, remote->folder, (int)strcspn(remote->host, ":"), remote->host, remote->host);
    return EX_OK;
}

static bool prepare(struct remote *remote)
{
    if (!cli_format(remote->folder, sizeof remote->folder, "%s/remote", remote->files.folder) ||
        !cli_format(remote->passwords, sizeof remote->passwords, "%s/baiye.passwd",
                    remote->folder) ||
        !cli_format(remote->password_file, sizeof remote->password_file, "%s/" BROKER_NAME ".pass",
                    remote->files.folder))
        return false;
    if (mkdir(remote->folder, 0750) == 0 || errno == EEXIST)
        return true;
    cli_complain("can't make %s: %s", remote->folder, strerror(errno));
    return false;
}

int cli_remote(int argc, char **argv)
{
    struct remote remote = {.requests = "county",
                            .budget = "100MB/month",
                            .ca = SYSTEM_CA,
                            .config = CLI_CONFIG,
                            .socket = CLI_SOCKET};
    int code = EX_CONFIG;
    if (!read_options(argc, argv, &remote))
        return cli_usage(usage);
    if (user_files_open(&remote.files, remote.config) && user_files_lock(&remote.files))
        code = prepare(&remote) && make_accounts(&remote) && write_server(&remote) ? enter(&remote)
                                                                                   : EX_CANTCREAT;
    user_files_close(&remote.files);
    return code;
}
