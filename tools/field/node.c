/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/node.h"

#include "tools/field/garden.h"

struct node *node_start(struct unit *unit)
{
    (void)unit;
    garden_log("nodes cannot be started by this build, only probes and responders");
    return NULL;
}

void node_stop(struct node *node)
{
    (void)node;
}

void node_power(struct node *node, bool on)
{
    (void)node;
    (void)on;
}

void node_hear(struct node *node, const uint8_t *bytes, size_t size)
{
    (void)node;
    (void)bytes;
    (void)size;
}

void node_said(struct node *node, const uint8_t *frame, size_t size, int64_t end_ns)
{
    (void)node;
    (void)frame;
    (void)size;
    (void)end_ns;
}

bool node_ready(const struct node *node)
{
    return node == NULL;
}
