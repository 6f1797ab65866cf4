/* SPDX-License-Identifier: Apache-2.0 */
/* What publish keeps in the store as documents: read once at the start, on the store thread, when
 * the file can be read; until then it is asked for again every second. */
#include <pthread.h>
#include <stdlib.h>

#include "gateway/daemon/publish/link/link.h"

/* The publish of a question may be gone when its answer comes. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct persisted_doc_question {
    struct persisted_doc *kept; /* NULL: nobody waits any more */
};

static void on_value(void *context, enum store_result result, const void *value, size_t size)
{
    struct persisted_doc_question *question = context;
    pthread_mutex_lock(&lock);
    struct persisted_doc *kept = question->kept;
    if (kept != NULL) {
        kept->question = NULL;
        if (result == STORE_OK) {
            kept->take(kept->publish, kept->context, value, size);
            atomic_store(&kept->known, true);
        }
    }
    pthread_mutex_unlock(&lock);
    free(question);
}

void persisted_doc_ask(struct persisted_doc *kept)
{
    if (atomic_load(&kept->known))
        return;
    pthread_mutex_lock(&lock);
    bool asked = kept->question != NULL;
    struct persisted_doc_question *question = asked ? NULL : malloc(sizeof *question);
    if (question != NULL) {
        question->kept = kept;
        kept->question = question;
    }
    pthread_mutex_unlock(&lock);
    if (question == NULL ||
        store_get(kept->publish->store, kept->key, on_value, question) == STORE_OK)
        return;
    pthread_mutex_lock(&lock);
    kept->question = NULL;
    pthread_mutex_unlock(&lock);
    free(question);
}

void persisted_doc_forget(struct persisted_doc *kept)
{
    pthread_mutex_lock(&lock);
    if (kept->question != NULL)
        kept->question->kept = NULL;
    kept->question = NULL;
    pthread_mutex_unlock(&lock);
}
