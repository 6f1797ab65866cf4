/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: a UNIX stream socket, mode 0660; who may open it is a technician. One JSON
 * object a line each way:
 *
 *   {"id":1,"method":"scan","params":{"bus":"east"}}
 *   {"id":1,"progress":{"unit":1,"found":false}}      any number of these
 *   {"id":1,"result":{"found":[7]}}                   or {"id":1,"error":{"code","message","hint"}}
 *
 * Bounds: CONTROL_CLIENTS_MAX clients, lines of CONTROL_LINE_MAX bytes, CONTROL_CALLS_MAX calls of
 * one client under way, CONTROL_OUT_MAX bytes of answers that it has not read (then it is cut). */
#ifndef BAIYE_RPC_CONTROL_H
#define BAIYE_RPC_CONTROL_H

#include "gateway/daemon/rpc/engine.h"

#define CONTROL_CLIENTS_MAX 16
#define CONTROL_CALLS_MAX   8
#define CONTROL_LINE_MAX    262144 /* an image file for both slots, in base64 */
#define CONTROL_OUT_MAX     1048576

struct control;

/* NULL: out of memory. A path that can't be bound is logged and tried again every 5 s; a socket
 * file left over by an earlier process is replaced, one that somebody listens on is not. */
struct control *control_open(struct loop *loop, const char *path, struct rpc *rpc);
/* After loop_end(); takes the socket file away. */
void control_close(struct control *control);

#endif
