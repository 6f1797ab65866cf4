/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/rpc/firmware_head.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/update/trust.h"
#include "protocols/bytes/bytes.h"
#include "protocols/image/image.h"
#include "protocols/image/window.h"
#include "protocols/modbus/request.h"

#define HARDWARE_WORDS 2 /* of the window's status */
#define ANSWER_MS      500

struct head {
    uint32_t hardware;
    uint16_t next;   /* into config.devices */
    uint16_t device; /* the one that is asked */
    uint16_t others; /* nodes of other boards */
    uint32_t other;  /* the first of these; 0: it knows no update */
    void (*good)(struct rpc_call *call);
};

static void ask_next(struct rpc_call *call);

static void fail_none(struct rpc_call *call, const struct head *head)
{
    char message[160];
    if (head->others == 0)
        (void)snprintf(message, sizeof message, "this gateway has no node of ours");
    else
        (void)snprintf(message, sizeof message,
                       "no node here is a board 0x%08" PRIX32 "; the first of %u is 0x%08" PRIX32,
                       head->hardware, (unsigned)head->others, head->other);
    rpc_fail(call, "none", message, "nothing is to be done here");
}

/* 0: a board without slots, or no answer to that question at all. */
static uint32_t hardware_of(const struct bus_reply *reply)
{
    struct byte_reader r = byte_reader_init(reply->pdu, reply->pdu_size);
    uint8_t function = byte_read_u8(&r), size = byte_read_u8(&r);
    uint32_t hardware = byte_read_u32(&r);
    bool read = function == MODBUS_READ_INPUT && size == 2 * HARDWARE_WORDS;
    return read && !r.failed ? hardware : 0;
}

static void answered(struct rpc_call *call)
{
    struct head *head = call->state;
    bool said = call->reply.result == BUS_OK || call->reply.result == BUS_EXCEPTION;
    uint32_t hardware = call->reply.result == BUS_OK ? hardware_of(&call->reply) : 0;
    if (!said || hardware == head->hardware) { /* who says nothing may be one */
        head->good(call);
        return;
    }
    if (head->others++ == 0)
        head->other = hardware;
    ask_next(call);
}

static void ask_next(struct rpc_call *call)
{
    struct head *head = call->state;
    const struct config *config = call->rpc->config;
    while (head->next < config->device_count && !config->devices[head->next].profile->node)
        head->next++;
    if (head->next == config->device_count) {
        fail_none(call, head);
        return;
    }
    const struct device_config *device = &config->devices[head->next++];
    const struct rpc_target target = {
        .bus = device->bus, .unit = device->unit, .timeout_ms = ANSWER_MS};
    uint8_t pdu[8];
    size_t size = modbus_read(pdu, MODBUS_READ_INPUT, WINDOW_STATUS, HARDWARE_WORDS);
    (void)rpc_request_bus(call, &target, pdu, (uint16_t)size, answered);
}

void firmware_head_judge(struct rpc_call *call, void (*good)(struct rpc_call *call))
{
    char data[IMAGE_HEAD_SIZE + 4], path[CONFIG_PATH_SIZE + 32];
    struct image_header header;
    const char *text = rpc_text(call, "head");
    if (text == NULL)
        return;
    if (strlen(text) > (IMAGE_HEAD_SIZE + 2) / 3 * 4 ||
        lws_b64_decode_string(text, data, (int)sizeof data) != (int)IMAGE_HEAD_SIZE ||
        image_head_read(data, &header) != IMAGE_OK) {
        rpc_fail(call, "invalid", "head: this is not the head of an image, in base64", "");
        return;
    }
    if (!trust_path(call->rpc->config->file, path, sizeof path) ||
        !trust_head(path, (const uint8_t *)data)) {
        rpc_fail(call, "refused",
                 "it is not signed by a key that this gateway trusts (firmware-keys.pem)",
                 "only what is signed for this gateway's nodes is taken");
        return;
    }
    struct head *head = rpc_attach(call, sizeof *head, NULL);
    if (head == NULL)
        return;
    head->hardware = header.hardware;
    head->good = good;
    ask_next(call);
}
