/* SPDX-License-Identifier: Apache-2.0 */
/* The node's registers, bits and identity as the Modbus server's model: protocols/node_map with the
 * node behind it. */
#ifndef BAIYE_FIRMWARE_NODE_REGISTERS_H
#define BAIYE_FIRMWARE_NODE_REGISTERS_H

#include "firmware/node/state.h"

/* Fills the model; its context is the node. */
void registers_model(struct node *node, struct modbus_model *model);

#endif
