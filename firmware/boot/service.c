/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/boot/service.h"

#include <string.h>

#include "firmware/boot/verify.h"
#include "protocols/bytes/bytes.h"

void service_init(struct service *service, unsigned running)
{
    *service = (struct service){0};
    receive_init(&service->receive, running);
    struct image_header header;
    if (image_header_read(flash_map(flash_layout()->slot[running]), IMAGE_HEADER_SIZE, &header) ==
        IMAGE_OK) {
        service->version = header.version;
        service->counter = header.counter;
    }
}

/* Whole, its signature holds, and not an image that ran before: that one bears the same mark. */
static bool waits_for_trial(const struct receive *receive)
{
    const struct slot_state *target = &receive->target;
    return target->session && target->ready && !target->confirmed && !target->rejected;
}

void service_tested(struct service *service, uint8_t failed)
{
    service->test_bits = (uint16_t)(WINDOW_TESTED | failed << WINDOW_TEST_SHIFT);
}

/* Whether there is another image to go back to is a signature's work, and that a step's. */
static int want_revert(struct service *service)
{
    service->revert_wanted = service->receive.on_trial;
    return service->revert_wanted ? WINDOW_RESULT_BUSY : WINDOW_RESULT_NOT_ON_TRIAL;
}

static void revert(struct service *service)
{
    enum window_result result = receive_revert(&service->receive);
    service->revert_wanted = false;
    service->restart_wanted = result == WINDOW_RESULT_OK;
    service->result = (int16_t)result;
}

static int run_command(struct service *service, uint16_t command)
{
    switch (command) {
    case WINDOW_RESTART:
        service->restart_wanted = waits_for_trial(&service->receive);
        return service->restart_wanted ? WINDOW_RESULT_OK : WINDOW_RESULT_NOT_OPEN;
    case WINDOW_CONFIRM:
        return receive_confirm(&service->receive);
    case WINDOW_ABANDON:
        return receive_abandon(&service->receive);
    case WINDOW_REVERT:
        return want_revert(service);
    default:
        return WINDOW_RESULT_UNKNOWN;
    }
}

bool service_write(struct service *service, uint16_t address, const uint8_t *data, size_t size,
                   bool unlocked)
{
    int result;
    struct window_session session;
    struct window_block block;
    if (address == WINDOW_SESSION && window_session_read(data, size, &session))
        result = unlocked || receive_is_open(&service->receive, &session)
                     ? receive_open(&service->receive, &session)
                     : WINDOW_RESULT_LOCKED;
    else if (address == WINDOW_BLOCK && window_block_read(data, size, &block))
        result = receive_block(&service->receive, block.number, block.data, block.size, block.crc);
    else if (address == WINDOW_COMMAND && size == 2)
        result = run_command(service, (uint16_t)(data[0] << 8 | data[1]));
    else
        return false;
    service->result = (int16_t)result;
    return true;
}

static bool open_session(const struct receive *receive)
{
    const struct slot_state *target = &receive->target;
    return target->session && !target->ready && !target->rejected && !receive->erasing;
}

static struct window_status status_of(const struct service *service)
{
    const struct receive *receive = &service->receive;
    const struct slot_state *target = &receive->target;
    struct window_status status = {
        .hardware = flash_layout()->hardware,
        .version = service->version,
        .counter = service->counter,
        .missing = receive_missing_count(receive),
        .result = service->result,
        .bits = (uint16_t)((receive->on_trial ? WINDOW_ON_TRIAL : 0) |
                           (receive->erasing ? WINDOW_ERASING : 0) |
                           (open_session(receive) ? WINDOW_OPEN : 0) |
                           (waits_for_trial(receive) ? WINDOW_READY : 0) |
                           (target->rejected ? WINDOW_REJECTED : 0) |
                           (receive->running == 1 ? WINDOW_IN_SLOT_1 : 0) | service->test_bits),
    };
    memcpy(status.image_id, target->image_id, sizeof status.image_id);
    return status;
}

static bool read_keys(unsigned first, unsigned count, uint8_t *data)
{
    uint8_t ids[2 * WINDOW_KEY_REGISTERS * BOOT_KEYS];
    const uint8_t(*keys)[1 + IMAGE_POINT_SIZE] = boot_keys();
    struct byte_writer w = byte_writer_init(ids, sizeof ids);
    for (unsigned place = 0; place < BOOT_KEYS; place++)
        byte_write_u32(&w, keys != NULL ? image_key_id(keys[place] + 1) : 0);
    if (first + count > sizeof ids / 2)
        return false;
    memcpy(data, ids + 2u * first, 2u * count);
    return true;
}

bool service_read(const struct service *service, uint16_t address, uint16_t count, uint8_t *data)
{
    uint8_t window[2 * (WINDOW_STATUS_REGISTERS + WINDOW_MISSING_REGISTERS)];
    const size_t head = 2u * WINDOW_STATUS_REGISTERS, all = sizeof window / 2;
    if (address >= WINDOW_KEYS)
        return read_keys(address - WINDOW_KEYS, count, data);
    if (address < WINDOW_STATUS || address - WINDOW_STATUS + count > all)
        return false;
    struct window_status status = status_of(service);
    if (window_status_write(&status, window, head) != head)
        return false;
    receive_missing(&service->receive, 0, window + head, sizeof window - head);
    memcpy(data, window + 2u * (address - WINDOW_STATUS), 2u * count);
    return true;
}

bool service_step(struct service *service)
{
    struct receive *receive = &service->receive;
    if (service->revert_wanted)
        revert(service);
    else if (receive->erasing)
        service->result = (int16_t)receive_step(receive);
    else if (open_session(receive) && receive_is_whole(receive))
        service->result = (int16_t)receive_finish(receive);
    return receive->erasing;
}
