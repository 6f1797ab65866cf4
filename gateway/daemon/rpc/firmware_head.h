/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware from the county, before a part of it is sent: the signed head of an image names the
 * board that it is for, and the nodes say what board they are. So a gateway without such a node, or
 * that does not trust the signature, says so before the image has cost it anything. In the loop's
 * thread. */
#ifndef BAIYE_RPC_FIRMWARE_HEAD_H
#define BAIYE_RPC_FIRMWARE_HEAD_H

#include "gateway/daemon/rpc/call.h"

/* Looks at the parameter `head` (base64 of IMAGE_HEAD_SIZE bytes) and asks the nodes, until one is
 * of that board. Then `good`, now or later; also when a node does not answer, since that may be
 * one. Else the call fails: "refused" (not signed by a key of this gateway), or "none". */
void firmware_head_judge(struct rpc_call *call, void (*good)(struct rpc_call *call));

#endif
