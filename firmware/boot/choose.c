/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/boot/choose.h"

#include <stdint.h>

#include "firmware/boot/state.h"
#include "firmware/boot/verify.h"
#include "protocols/image/image.h"

/* No more of the header than is asked for: both lie on the stack while a signature is verified. */
struct candidate {
    struct slot_state state;
    uint32_t counter;
    uint8_t key, least_key;
    bool valid;
    bool confirmed;
};

static void look_at(unsigned slot, struct candidate *c)
{
    struct image_header header;
    *c = (struct candidate){.state = state_read(slot)};
    if (c->state.rejected || boot_verify(slot, &header) != IMAGE_OK)
        return;
    c->valid = true;
    c->confirmed = state_is_confirmed(&c->state);
    c->counter = header.counter;
    c->key = header.key;
    c->least_key = header.least_key;
}

/* On trial, or about to be. With another image to go back to, every start must be counted: false
 * when the mark could not be written. Without one, better this image than none. */
static bool try_trial(unsigned slot, const struct candidate *c, const struct candidate *other)
{
    if (!c->valid || c->confirmed || !c->state.session || !c->state.ready)
        return false;
    if (!other->confirmed)
        return true;
    if (c->counter < other->counter || c->state.trials >= STATE_TRIALS) {
        (void)state_mark(slot, STATE_REJECTED); /* torn or failed: the same is found next time */
        return false;
    }
    return state_mark(slot, STATE_TRIAL) == FLASH_OK;
}

/* A key that leaked is ended by an image that names a higher one as the least. */
static void end_keys(struct candidate *c, const struct candidate *by)
{
    if (by->confirmed && c->valid && c->key < by->least_key)
        c->valid = c->confirmed = false;
}

/* Both may run: the newer one, unless it came to nothing too often. */
static int choose_confirmed(const struct candidate c[IMAGE_SLOTS], unsigned starts)
{
    unsigned newer = c[1].state.generation > c[0].state.generation ? 1 : 0;
    bool safe = c[1 - newer].counter >= c[newer].counter;
    bool doubt = starts / BOOT_STARTS % 2 == 1;
    return (int)(doubt && safe ? 1 - newer : newer);
}

struct boot_choice boot_choose_after(unsigned starts)
{
    struct candidate c[IMAGE_SLOTS];
    for (unsigned slot = 0; slot < IMAGE_SLOTS; slot++)
        look_at(slot, &c[slot]);
    end_keys(&c[0], &c[1]);
    end_keys(&c[1], &c[0]);
    for (unsigned slot = 0; slot < IMAGE_SLOTS; slot++) {
        if (try_trial(slot, &c[slot], &c[1 - slot]))
            return (struct boot_choice){.slot = (int)slot, .trial = true};
    }
    if (c[0].confirmed && c[1].confirmed)
        return (struct boot_choice){.slot = choose_confirmed(c, starts)};
    return (struct boot_choice){.slot = c[0].confirmed ? 0 : c[1].confirmed ? 1 : -1};
}

struct boot_choice boot_choose(void)
{
    return boot_choose_after(0);
}
