/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/user_invite.h"
#include "gateway/common/language.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "tools/cli/cli.h"
#include "tools/cli/outcome.h"
#include "tools/cli/qr.h"

#define HOST_SIZE 256

/* One name of a certificate as a browser writes it; false: of another kind, or this machine's
 * own. */
static bool host_of(const GENERAL_NAME *name, char out[HOST_SIZE])
{
    char text[INET6_ADDRSTRLEN];
    if (name->type == GEN_DNS) {
        const char *dns = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
        return strcmp(dns, "localhost") != 0 && strchr(dns, '*') == NULL &&
               cli_format(out, HOST_SIZE, "%s", dns);
    }
    if (name->type != GEN_IPADD)
        return false;
    const unsigned char *bytes = ASN1_STRING_get0_data(name->d.iPAddress);
    bool v6 = ASN1_STRING_length(name->d.iPAddress) == 16;
    if ((!v6 && (ASN1_STRING_length(name->d.iPAddress) != 4 || bytes[0] == 127)) ||
        inet_ntop(v6 ? AF_INET6 : AF_INET, bytes, text, sizeof text) == NULL ||
        strcmp(text, "::1") == 0)
        return false;
    return cli_format(out, HOST_SIZE, v6 ? "[%s]" : "%s", text);
}

static bool certificate_host(const char *path, char out[HOST_SIZE])
{
    FILE *file = fopen(path, "re");
    X509 *certificate = file != NULL ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    GENERAL_NAMES *names = certificate != NULL
                               ? X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL)
                               : NULL;
    bool found = false;
    for (int i = 0; names != NULL && !found && i < sk_GENERAL_NAME_num(names); i++)
        found = host_of(sk_GENERAL_NAME_value(names, i), out);
    GENERAL_NAMES_free(names);
    X509_free(certificate);
    if (file != NULL)
        (void)fclose(file);
    return found;
}

bool user_invite_address(const struct config *config, const char *address, char *out, size_t size)
{
    char host[HOST_SIZE];
    if (address != NULL) {
        size_t length = strlen(address);
        while (length > 0 && address[length - 1] == '/')
            length--;
        if (strncmp(address, "https://", 8) == 0 && length > 8 && strpbrk(address, "# ?") == NULL &&
            cli_format(out, size, "%.*s", (int)length, address))
            return true;
        cli_complain("--address %s: write https://NAME or https://NAME:PORT", address);
        return false;
    }
    if (config->http_cert_file[0] == '\0' || !certificate_host(config->http_cert_file, host)) {
        cli_complain("no address for phones: the configuration's http: has no certificate with a "
                     "name that they reach; baiye cert makes one, or say --address https://NAME");
        return false;
    }
    return cli_format(out, size, "https://%s:%u", host, (unsigned)config->http_port);
}

bool user_invite_print(const char *address, const char *name, const char *password, bool once)
{
    char url[512];
    if (!cli_format(url, sizeof url, "%s/#/%s/%s/%s", address, once ? "join" : "same", name,
                    password))
        return false;
    qr_print(url);
    cli_say(once ? _("Scan it with the phone of %s, once:\n%s\n")
                 : _("Scan it with the phone of %s:\n%s\n"),
            name, url);
    outcome_append("invites", json_pack("{s:s,s:s}", "user", name, "link", url));
    explicit_bzero(url, sizeof url);
    return true;
}
