/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/image.h"

#include <errno.h>
#include <getopt.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "gateway/common/language.h"
#include "gateway/daemon/update/signature.h"
#include "protocols/bytes/bytes.h"
#include "protocols/image/image.h"
#include "tools/cli/cli.h"
#include "tools/cli/outcome.h"

#define PROGRAM_MAX  (16u << 20)
#define FILE_HEADER  (8u + 8u * IMAGE_SLOTS)
#define ADDRESS_NONE UINT32_MAX

struct sign_options {
    const char *key, *output;
    const char *program[IMAGE_SLOTS];
    uint32_t address[IMAGE_SLOTS];
    struct image_header header; /* what both variants share */
};

struct cli_image_file cli_file_load(const char *path)
{
    struct cli_image_file blob = {0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        cli_cant_read(path, errno);
        return blob;
    }
    uint8_t *data = malloc(PROGRAM_MAX);
    if (data != NULL)
        blob.size = fread(data, 1, PROGRAM_MAX, file);
    bool good = data != NULL && !ferror(file) && feof(file) && blob.size > 0;
    (void)fclose(file);
    if (!good) {
        cli_complain("%s: empty, unreadable or over 16 MiB", path);
        free(data);
        return (struct cli_image_file){0};
    }
    while (blob.size % 4 != 0)
        data[blob.size++] = 0xFF;
    blob.data = data;
    return blob;
}

static EVP_PKEY *read_key(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        cli_cant_read(path, errno);
        return NULL;
    }
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    (void)fclose(file);
    if (key != NULL &&
        (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC || EVP_PKEY_get_bits(key) != 256)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    if (key == NULL)
        cli_complain("%s: not a P-256 private key in PEM; make one with\n"
                     "  openssl ecparam -name prime256v1 -genkey -noout -out %s",
                     path, path);
    return key;
}

static bool point_of(EVP_PKEY *key, uint8_t point[IMAGE_POINT_SIZE])
{
    uint8_t encoded[1 + IMAGE_POINT_SIZE];
    size_t size = 0;
    bool good = EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, encoded,
                                                sizeof encoded, &size) == 1 &&
                size == sizeof encoded && encoded[0] == 0x04;
    if (good)
        memcpy(point, encoded + 1, IMAGE_POINT_SIZE);
    return good;
}

/* r and s, 32 bytes each, as BearSSL takes them; OpenSSL gives them in DER. */
static bool sign_bytes(EVP_PKEY *key, const uint8_t *data, size_t size, uint8_t *signature)
{
    uint8_t der[128];
    size_t der_size = sizeof der;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL &&
                EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestSign(context, der, &der_size, data, size) == 1;
    EVP_MD_CTX_free(context);
    if (!good)
        return false;
    const uint8_t *at = der;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)der_size);
    good = pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, 32) == 32 &&
           BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + 32, 32) == 32;
    ECDSA_SIG_free(pair);
    return good;
}

static bool make_variant(const struct sign_options *options, EVP_PKEY *key, unsigned slot,
                         struct cli_image_file *image)
{
    struct cli_image_file program = cli_file_load(options->program[slot]);
    if (program.data == NULL)
        return false;
    struct image_header header = options->header;
    uint8_t point[IMAGE_POINT_SIZE];
    header.slot = (uint16_t)slot;
    header.address = options->address[slot];
    header.size = (uint32_t)program.size;
    if (!image_placed(&header, program.data)) {
        cli_complain("%s: not linked for slot %u at 0x%08X: its reset handler lies elsewhere. Are "
                     "the programs of the two slots swapped?",
                     options->program[slot], slot, header.address);
        free(program.data);
        return false;
    }
    (void)SHA256(program.data, program.size, header.hash);
    image->size = IMAGE_HEADER_SIZE + program.size;
    image->data = malloc(image->size);
    bool good = image->data != NULL && point_of(key, point);
    if (good) {
        image_header_write(&header, image->data);
        good = sign_bytes(key, image->data, IMAGE_SIGNED_SIZE, header.signature);
        image_header_write(&header, image->data);
        image_point_write(point, image->data);
        memcpy(image->data + IMAGE_HEADER_SIZE, program.data, program.size);
    }
    free(program.data);
    if (!good)
        cli_complain("signing failed");
    return good;
}

/* The slots are alike and follow each other: their distance is their size. */
static bool fits_slots(const struct sign_options *options,
                       const struct cli_image_file images[IMAGE_SLOTS])
{
    int64_t slot = (int64_t)options->address[1] - options->address[0];
    for (unsigned i = 0; i < IMAGE_SLOTS; i++) {
        if (slot > 0 && (int64_t)images[i].size <= slot)
            continue;
        if (slot <= 0)
            cli_complain("slot 1 must stand behind slot 0, as the board's memory map has it");
        else
            cli_complain("the image for slot %u has %zu bytes, its slot %lld: it does not fit.\n"
                         "On a part with 64 KiB of flash two images never do: such a board takes no"
                         " update\nover the bus; flash it by wire (baiye flash)",
                         i, images[i].size, (long long)slot);
        return false;
    }
    return true;
}

static bool write_images(const char *path, const struct cli_image_file images[IMAGE_SLOTS])
{
    uint8_t head[FILE_HEADER];
    struct byte_writer w = byte_writer_init(head, sizeof head);
    uint32_t offset = FILE_HEADER;
    byte_write_span(&w, IMAGE_FILE_MAGIC, sizeof IMAGE_FILE_MAGIC - 1);
    byte_write_u32(&w, IMAGE_SLOTS);
    for (unsigned slot = 0; slot < IMAGE_SLOTS; slot++) {
        byte_write_u32(&w, offset);
        byte_write_u32(&w, (uint32_t)images[slot].size);
        offset += (uint32_t)images[slot].size;
    }
    FILE *file = fopen(path, "wb");
    bool good = file != NULL && fwrite(head, 1, sizeof head, file) == sizeof head;
    for (unsigned slot = 0; good && slot < IMAGE_SLOTS; slot++)
        good = fwrite(images[slot].data, 1, images[slot].size, file) == images[slot].size;
    if (file != NULL && fclose(file) != 0)
        good = false;
    if (!good)
        cli_complain("%s: %s", path, strerror(errno));
    return good;
}

static bool parse_number(const char *text, uint32_t *value)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0' || number > UINT32_MAX)
        return false;
    *value = (uint32_t)number;
    return true;
}

static bool parse_version(const char *text, uint32_t *version)
{
    static const uint32_t most[] = {255, 255, 65535};
    static const unsigned shift[] = {24, 16, 0};
    *version = 0;
    for (unsigned i = 0; i < 3; i++) {
        char *end;
        unsigned long part = strtoul(text, &end, 10);
        if (end == text || *text == '-' || part > most[i] || *end != (i < 2 ? '.' : '\0'))
            return false;
        *version |= (uint32_t)part << shift[i];
        text = end + 1;
    }
    return true;
}

/* FILE@ADDRESS */
static bool parse_program(char *text, const char **path, uint32_t *address)
{
    char *at = strrchr(text, '@');
    if (at == NULL)
        return false;
    *at = '\0';
    *path = text;
    return parse_number(at + 1, address);
}

static const char sign_usage[] = N_(
    "Usage: baiye sign --key KEY.pem --hardware N --version X.Y.Z --counter N\n"
    "         --slot-0 PROGRAM.bin@ADDRESS --slot-1 PROGRAM.bin@ADDRESS -o IMAGE\n"
    "Makes one signed image file of the program linked for each of the two slots.\n"
    "  --key FILE        P-256 private key (PEM)\n"
    "  --key-number N    which of the boot loader's public keys it belongs to (0)\n"
    "  --hardware N      identity of the board, as in its board.cmake\n"
    "  --version X.Y.Z   of the program\n"
    "  --counter N       security counter: nodes refuse an image with a lower one, and with the\n"
    "                    same one a version that is not higher\n"
    "  --least-key N     nodes that run it refuse images signed with a key below this (0)\n"
    "  --slot-N F@A      raw program and the address of its slot\n"
    "  -o, --output FILE\n"
    "  --json            what was made, for programs\n");

static bool sign_option(int option, struct sign_options *options)
{
    uint32_t number;
    switch (option) {
    case 'k':
        options->key = optarg;
        return true;
    case 'n':
        if (!parse_number(optarg, &number) || number > 255)
            return false;
        options->header.key = (uint8_t)number;
        return true;
    case 'l':
        if (!parse_number(optarg, &number) || number > 255)
            return false;
        options->header.least_key = (uint8_t)number;
        return true;
    case 'h':
        return parse_number(optarg, &options->header.hardware);
    case 'v':
        return parse_version(optarg, &options->header.version);
    case 'c':
        return parse_number(optarg, &options->header.counter);
    case '0':
    case '1':
        return parse_program(optarg, &options->program[option - '0'],
                             &options->address[option - '0']);
    case 'o':
        options->output = optarg;
        return true;
    default:
        return false;
    }
}

int cli_sign(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"key", required_argument, NULL, 'k'},      {"key-number", required_argument, NULL, 'n'},
        {"hardware", required_argument, NULL, 'h'}, {"version", required_argument, NULL, 'v'},
        {"counter", required_argument, NULL, 'c'},  {"least-key", required_argument, NULL, 'l'},
        {"slot-0", required_argument, NULL, '0'},   {"slot-1", required_argument, NULL, '1'},
        {"output", required_argument, NULL, 'o'},   {0}};
    struct sign_options options = {.address = {ADDRESS_NONE, ADDRESS_NONE}};
    int option;
    optind = 1;
    while ((option = cli_option(argc, argv, "o:", long_options)) != -1) {
        if (!sign_option(option, &options))
            return cli_usage(sign_usage);
    }
    if (options.key == NULL || options.output == NULL || options.program[0] == NULL ||
        options.program[1] == NULL || options.header.hardware == 0)
        return cli_usage(sign_usage);
    if (options.header.key < options.header.least_key) {
        cli_complain("--least-key %u would end the key that it is signed with (--key-number %u)",
                     options.header.least_key, options.header.key);
        return EX_USAGE;
    }
    EVP_PKEY *key = read_key(options.key);
    struct cli_image_file images[IMAGE_SLOTS] = {0};
    bool good = key != NULL && make_variant(&options, key, 0, &images[0]) &&
                make_variant(&options, key, 1, &images[1]) && fits_slots(&options, images) &&
                write_images(options.output, images);
    if (good)
        outcome_add("image", json_string(options.output));
    EVP_PKEY_free(key);
    free(images[0].data);
    free(images[1].data);
    return good ? EX_OK : EX_DATAERR;
}

/* For programs. */
static void note_image(const struct image_header *header, unsigned slot, bool whole, bool is_signed)
{
    char version[24];
    (void)snprintf(version, sizeof version, "%u.%u.%u", header->version >> 24,
                   header->version >> 16 & 255, header->version & 0xFFFF);
    outcome_append("slots",
                   json_pack("{s:i,s:I,s:s,s:I,s:i,s:I,s:I,s:b,s:b}", "slot", (int)slot, "hardware",
                             (json_int_t)header->hardware, "version", version, "counter",
                             (json_int_t)header->counter, "key", (int)header->key, "bytes",
                             (json_int_t)header->size, "address", (json_int_t)header->address,
                             "whole", whole, "signed", is_signed));
}

static void print_image(const uint8_t *image, unsigned slot)
{
    struct image_header header;
    uint8_t hash[IMAGE_HASH_SIZE];
    if (image_header_read(image, IMAGE_HEADER_SIZE, &header) != IMAGE_OK)
        return;
    (void)SHA256(image + IMAGE_HEADER_SIZE, header.size, hash);
    printf(_("slot %u: hardware 0x%08X  version %u.%u.%u  counter %u  key %u\n"
             "        %u bytes at 0x%08X\n"),
           slot, header.hardware, header.version >> 24, header.version >> 16 & 255,
           header.version & 0xFFFF, header.counter, header.key, header.size, header.address);
    printf("        sha256 ");
    for (unsigned i = 0; i < IMAGE_HASH_SIZE; i++)
        printf("%02x%s", header.hash[i], i == IMAGE_HASH_SIZE / 2 - 1 ? "\n               " : "");
    bool whole = memcmp(hash, header.hash, sizeof hash) == 0;
    bool is_signed = signature_signed_by(image_point(image), image);
    puts(whole ? _("  matches") : _("  DOES NOT MATCH"));
    printf(_("        key id %08x  %s\n"), image_key_id(image_point(image)),
           is_signed ? _("signature matches") : _("SIGNATURE DOES NOT MATCH"));
    note_image(&header, slot, whole, is_signed);
}

bool cli_image_load(const char *path, struct cli_image_file *file)
{
    *file = cli_file_load(path);
    if (file->data == NULL)
        return false;
    enum image_result result = signature_file(file->data, file->size);
    if (result == IMAGE_OK)
        return true;
    cli_complain("%s: %s", path, gettext(image_result_text(result)));
    free(file->data);
    *file = (struct cli_image_file){0};
    return false;
}

int cli_image(int argc, char **argv)
{
    if (argc != 2 || strncmp(argv[1], "--", 2) == 0) {
        return cli_usage(N_("Usage: baiye image FILE [--json]\n"
                            "Says what is in a firmware image, and whether it is whole.\n"
                            "Exit 0: it is; 65: it is not; 66: there is no such file.\n"));
    }
    struct cli_image_file file = cli_file_load(argv[1]);
    if (file.data == NULL)
        return EX_NOINPUT;
    for (unsigned slot = 0; slot < IMAGE_SLOTS; slot++) {
        size_t size;
        const uint8_t *image = image_file_slot(file.data, file.size, slot, &size);
        if (image != NULL)
            print_image(image, slot);
    }
    enum image_result result = signature_file(file.data, file.size);
    free(file.data);
    if (result == IMAGE_OK)
        return EX_OK;
    cli_complain("%s: %s", argv[1], gettext(image_result_text(result)));
    return EX_DATAERR;
}
