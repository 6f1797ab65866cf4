/* SPDX-License-Identifier: Apache-2.0 */
/* Frames out of anything: the first byte says how long the request is that the client waits the
 * answer to, then come the request and what arrives; 0xE5 is a byte with an error, 0xE6 silence. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/modbus/rtu.h"
#include "protocols/modbus/rtu_client.h"

static void check_frame(const struct rtu_receiver *r, const struct rtu_frame *frame)
{
    const uint8_t *start = frame->pdu - 1;
    if (frame->pdu_size < 1 || frame->pdu_size > MODBUS_PDU_MAX || start < r->run ||
        start + frame->pdu_size + 3 > r->run + sizeof r->run ||
        !rtu_check(start, frame->pdu_size + 3u))
        abort();
}

static void receive(const uint8_t *data, size_t size)
{
    struct rtu_receiver r;
    struct rtu_frame frame;
    uint64_t now_us = 1000;
    rtu_receiver_init(&r, 4011);
    for (size_t i = 0; i < size; i++) {
        now_us += data[i] == 0xE6 ? 5000 : 1042;
        while (rtu_receiver_idle(&r, now_us, &frame))
            check_frame(&r, &frame);
        if (rtu_receiver_feed(&r, data[i], data[i] != 0xE5, now_us, &frame))
            check_frame(&r, &frame);
    }
    while (rtu_receiver_idle(&r, now_us + 5000, &frame))
        check_frame(&r, &frame);
    if (rtu_receiver_due_us(&r) != UINT64_MAX)
        abort(); /* after silence nothing is left to wait for */
}

static void expect(const uint8_t *request, size_t request_size, const uint8_t *data, size_t size)
{
    struct rtu_client c;
    size_t pdu_size;
    rtu_client_expect(&c, request[0], request + 1, request_size - 1);
    for (size_t i = 0; i < size; i += 7)
        rtu_client_feed(&c, data + i, size - i < 7 ? size - i : 7);
    enum rtu_client_state state = rtu_client_finish(&c);
    const uint8_t *pdu = rtu_client_pdu(&c, &pdu_size);
    if (state == RTU_CLIENT_WAITING || (pdu != NULL) != (pdu_size > 0))
        abort();
    if (pdu != NULL &&
        ((pdu[0] & 0x7F) != (request[1] & 0x7F) || !rtu_check(pdu - 1, pdu_size + 3)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    size_t request_size = 2 + data[0] % 16;
    receive(data, size);
    if (size > request_size + 1)
        expect(data + 1, request_size, data + 1 + request_size, size - 1 - request_size);
    return 0;
}
