/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/scan.h"

enum { WINDOWS = 32, NEW = 0x6, KNOWN = 0xF };

static uint32_t bits_us(uint32_t baud, uint32_t bits)
{
    return (bits * 1000000u + baud - 1) / baud;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

void scan_begin(struct scan *scan, uint32_t serial, bool restart, uint32_t baud, uint64_t end_us)
{
    uint32_t bit_us = bits_us(baud, 1);
    uint32_t spare_bits = (50 + bit_us - 1) / bit_us;
    if (restart)
        scan->found = false;
    scan->active = true;
    scan->window = 0;
    scan->word = (uint32_t)(scan->found ? KNOWN : NEW) << 28 | (serial & 0x0FFFFFFFu);
    /* max(3.5 characters, 12 bits + 800 us), then windows of max(13 bits, 12 bits + 50 us). */
    scan->start_us = end_us + larger(bits_us(baud, 35), bits_us(baud, 12) + 800);
    scan->length_us = bits_us(baud, larger(13, 12 + spare_bits));
    scan->slack_us = scan->length_us - bits_us(baud, 11);
    scan->covered = 0;
}

static bool is_dominant(const struct scan *scan, unsigned window)
{
    return !(scan->word >> (WINDOWS - 1 - window) & 1);
}

void scan_heard(struct scan *scan, uint64_t time_us)
{
    if (!scan->active || time_us < scan->start_us)
        return;
    uint64_t window = (time_us - scan->start_us) / scan->length_us;
    if (window >= WINDOWS)
        return;
    if (is_dominant(scan, (unsigned)window))
        scan->covered = (uint8_t)(window + 1);
    else
        scan->active = false;
}

static uint64_t window_us(const struct scan *scan)
{
    return scan->start_us + (uint64_t)scan->window * scan->length_us;
}

enum scan_step scan_poll(struct scan *scan, uint64_t now_us)
{
    if (!scan->active || now_us < window_us(scan))
        return SCAN_WAIT;
    if (now_us >= window_us(scan) + scan->length_us) {
        scan->active = false; /* came too late to take part honestly */
        return SCAN_WAIT;
    }
    if (scan->window == WINDOWS) {
        scan->active = false;
        return SCAN_WON;
    }
    bool late = now_us >= window_us(scan) + scan->slack_us;
    if (!is_dominant(scan, scan->window++))
        return SCAN_WAIT;
    if (!late)
        return SCAN_DOMINANT;
    /* Its byte would end in the next window and put out whoever has a 1 there. Where another has
     * sent the same bit, nothing is lost. */
    scan->active = scan->covered == scan->window;
    return SCAN_WAIT;
}

uint64_t scan_due_us(const struct scan *scan)
{
    return scan->active ? window_us(scan) : UINT64_MAX;
}
