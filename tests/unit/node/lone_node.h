/* SPDX-License-Identifier: Apache-2.0 */
/* One whole node on a board in virtual time, and a master to talk to it. */
#ifndef BAIYE_TEST_LONE_NODE_H
#define BAIYE_TEST_LONE_NODE_H

#include "firmware/node/node.h"
#include "tests/unit/node/board.h"

#define SECOND_US UINT64_C(1000000)

extern struct node node;
extern struct fake_sensor air, soil;
extern const uint8_t read_head[5]; /* function 4 of the first six registers */

/* Two probes of two rails: air temperature and humidity; soil moisture, temperature,
 * conductivity. */
void start_node(bool power_up_line);
/* Setup of a test: a new board, its node started without the power-up line. */
int fresh(void **state);
/* Lets the node live until then, sleeping as it asks. */
void run_until(uint64_t until_us);
void run(uint64_t us);
/* Bytes that begin to arrive now, one character after the other; the end of the last. */
uint64_t arrive(const void *bytes, size_t size, uint8_t errors);
uint64_t arrive_frame(uint8_t unit, const void *pdu, size_t size);
/* Sends a request, waits 100 ms; the answer's PDU and its size, NULL when there was none. */
const uint8_t *ask(uint8_t unit, const void *pdu, size_t size, size_t *answer_size);
bool silent(uint8_t unit, const void *pdu, size_t size);
/* That the node answers at. */
uint8_t address(void);
/* Input registers. */
void read_words(uint16_t first, uint16_t count, uint16_t *words);
uint16_t read_word(uint16_t first);
/* By function 16: the exception's code, 0 when the write was done. */
uint8_t write_words(uint16_t first, uint16_t count, const uint16_t *words);
uint8_t write_word(uint16_t first, uint16_t word);

#endif
