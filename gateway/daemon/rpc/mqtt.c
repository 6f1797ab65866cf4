/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that come from a broker, and the answers that go back there. */
#include <stdlib.h>
#include <string.h>

#include "gateway/common/hex.h"
#include "gateway/common/language.h"
#include "gateway/common/log.h"
#include "gateway/daemon/rpc/call.h"
#include "gateway/daemon/rpc/engine.h"
#include "protocols/mqtt/topic.h"

struct mqtt_origin {
    struct rpc *rpc;
    uint16_t broker;
    bool wanted;
    char topic[PUBLISH_TOPIC_SIZE];
    uint8_t correlation[PUBLISH_CORRELATION_SIZE];
    uint16_t correlation_size;
};

static void mqtt_answer(void *context, bool progress, const json_t *body)
{
    struct mqtt_origin *origin = context;
    if (progress)
        return;
    char *text = origin->wanted && body != NULL
                     ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(8))
                     : NULL;
    if (text != NULL &&
        !publish_answer(origin->rpc->parts.publish, origin->broker, origin->topic,
                        origin->correlation, origin->correlation_size, text, strlen(text)))
        log_limited(&origin->rpc->answer_said, LOG_LEVEL_WARNING,
                    "rpc: an answer could not be sent to broker %s",
                    origin->rpc->config->brokers[origin->broker].name);
    free(text);
    free(origin);
}

/* A second delivery has the same correlation data and response topic; when the sender gave none,
 * its own `id` does. */
static void duplicate_id_of(const struct publish_request *request, const json_t *params, char *out,
                            size_t size)
{
    const char *id = json_string_value(json_object_get(params, "id"));
    out[0] = '\0';
    if (request->correlation_size == 0) {
        if (id != NULL)
            rpc_copy_cut(out, size, id);
        return;
    }
    size_t room = (size - 1) / 2, count = request->correlation_size;
    count = count < room ? count : room;
    hex_write(request->correlation, count, out);
    rpc_copy_cut(out + 2 * count, size - 2 * count, request->response);
}

void rpc_mqtt(struct rpc *rpc, const struct publish_request *request)
{
    struct rpc_caller caller = {.broker = request->broker};
    char duplicate_id[PUBLISH_TOPIC_SIZE + 2 * PUBLISH_CORRELATION_SIZE + 1];
    rpc_copy_cut(caller.user, sizeof caller.user, request->user);
    rpc_copy_cut(caller.via, sizeof caller.via, rpc->config->brokers[request->broker].name);
    if (request->retained) {
        rpc_audit_refused(rpc, &caller, request->method, "", N_("retained: never obeyed"));
        return;
    }
    if (rpc->config->brokers[request->broker].requests == REQUESTS_NONE) {
        rpc_audit_refused(rpc, &caller, request->method, "",
                          N_("forbidden: this broker takes no requests"));
        return; /* nor is it answered: it was not even asked for requests */
    }
    if (request->has_response &&
        !topic_may_answer(request->response, rpc->config->site, request->user)) {
        rpc_audit_refused(rpc, &caller, request->method, request->response,
                          N_("forbidden: answers go to the user's own topic only"));
        return;
    }
    caller.role = rpc_role(rpc, caller.user);
    struct mqtt_origin *origin = calloc(1, sizeof *origin);
    if (origin == NULL)
        return;
    origin->rpc = rpc;
    origin->broker = request->broker;
    origin->wanted = request->has_response;
    rpc_copy_cut(origin->topic, sizeof origin->topic, request->response);
    origin->correlation_size = request->correlation_size;
    memcpy(origin->correlation, request->correlation, request->correlation_size);
    json_t *params = request->payload_size == 0
                         ? json_object()
                         : json_loadb(request->payload, request->payload_size, 0, NULL);
    if (!json_is_object(params)) {
        (void)rpc_refuse(rpc, &caller, request->method, "", "invalid",
                         "the payload is no JSON object", "send {} when a method needs nothing",
                         mqtt_answer, origin);
    } else {
        duplicate_id_of(request, params, duplicate_id, sizeof duplicate_id);
        (void)rpc_call(rpc, &caller, request->method, params, duplicate_id, mqtt_answer, origin);
    }
    json_decref(params);
}
