/* SPDX-License-Identifier: Apache-2.0 */
/* Asks one of root's small programs behind a socket, which systemd starts for each connection
 * (baiye-password.socket, baiye-config.socket): what is asked goes out at once, one line comes
 * back. The loop's thread. */
#ifndef BAIYE_RPC_HELPER_H
#define BAIYE_RPC_HELPER_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/daemon/loop.h"

#define HELPER_ANSWER_SIZE 256

struct helper { /* all zero: none is asked */
    void *context;
    /* Once: the line, without its end; "" : none came in time. Then the struct is free again. */
    void (*answered)(struct helper *helper, const char *line);
    struct loop_fd fd;
    struct loop_timer timer;
    char answer[HELPER_ANSWER_SIZE];
    size_t size;
};

/* `context` and `answered` are set. false: nobody listens there, and `answered` is not called. */
bool helper_request(struct helper *helper, struct loop *loop, const char *path,
                    const char *question, size_t size);
/* No answer is wanted any more. */
void helper_forget(struct helper *helper);

#endif
