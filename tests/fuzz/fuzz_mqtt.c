/* SPDX-License-Identifier: Apache-2.0 */
/* Topics that strangers send, and strings and numbers that go into payloads. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/mqtt/json.h"
#include "protocols/mqtt/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition)
        abort();
}

/* What was taken apart has no further levels, and is put together to the same topic again. */
static void rpc_topic(const char *topic, size_t size)
{
    char user[65], method[33], suffix[TOPIC_SIZE], again[TOPIC_SIZE];
    if (!topic_parse_rpc(topic, size, "garden", user, sizeof user, method, sizeof method))
        return;
    expect(user[0] != '\0' && method[0] != '\0' && !strchr(user, '/') && !strchr(method, '/'));
    suffix[0] = '\0';
    strcat(strcat(strcat(strcat(suffix, TOPIC_RPC), user), "/"), method);
    expect(topic_make(again, sizeof again, "garden", suffix));
    expect(strlen(again) == size && memcmp(again, topic, size) == 0);
}

static void answer_topic(const char *text)
{
    static const char root[] = "baiye/garden/answer/mei/";
    if (!topic_may_answer(text, "garden", "mei"))
        return;
    expect(strncmp(text, root, sizeof root - 1) == 0 && !strpbrk(text, "+#"));
}

/* A string stays one: nothing in it ends it, and no control character is left bare. */
static void string(const char *text, size_t room)
{
    char out[512];
    struct json_out o = json_out_init(out, room < sizeof out ? room : sizeof out);
    json_out_string(&o, text);
    expect(o.at <= o.size);
    if (o.failed)
        return;
    expect(o.at >= 2 && out[0] == '"' && out[o.at - 1] == '"');
    for (size_t i = 1; i + 1 < o.at; i++) {
        expect((unsigned char)out[i] >= 0x20 && out[i] != '"');
        if (out[i] == '\\')
            i++;
    }
}

static double read_back(double value)
{
    char text[33];
    size_t length = json_out_real_text(text, value, false);
    expect(length > 0 && length <= 32);
    text[length] = '\0';
    return strtod(text, NULL);
}

/* Any double comes back nearly, a measurement in hundredths exactly. */
static void number(const uint8_t *data)
{
    double value;
    int32_t hundredths;
    memcpy(&value, data, sizeof value);
    memcpy(&hundredths, data, sizeof hundredths);
    expect(read_back(hundredths / 100.0) == hundredths / 100.0);
    if (fabs(value) >= 1e-290 && fabs(value) <= 1e290)
        expect(fabs(read_back(value) - value) <= 1e-13 * fabs(value));
    else if (isfinite(value))
        (void)read_back(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[256];
    size_t length = size < sizeof text - 1 ? size : sizeof text - 1;
    if (length > 0)
        memcpy(text, data, length);
    text[length] = '\0';
    rpc_topic(text, length);
    answer_topic(text);
    string(text, length > 0 ? 2u * data[0] : 512);
    if (size >= sizeof(double))
        number(data);
    return 0;
}
