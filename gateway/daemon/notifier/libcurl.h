/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl, loaded when the notifier process starts: it brings some thirty libraries with it, and
 * the daemon and each publisher would carry them, 0.7 MB each, without ever calling one. The
 * functions have its names without `curl_`. One thread. */
#ifndef BAIYE_NOTIFIER_LIBCURL_H
#define BAIYE_NOTIFIER_LIBCURL_H

#include <curl/curl.h>
#include <stdbool.h>

/* Its type checks are macros of these names. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

#define LIBCURL_FUNCTIONS(each)                                                                    \
    each(global_init);                                                                             \
    each(global_cleanup);                                                                          \
    each(easy_init);                                                                               \
    each(easy_setopt);                                                                             \
    each(easy_getinfo);                                                                            \
    each(easy_strerror);                                                                           \
    each(easy_cleanup);                                                                            \
    each(multi_init);                                                                              \
    each(multi_add_handle);                                                                        \
    each(multi_perform);                                                                           \
    each(multi_info_read);                                                                         \
    each(multi_poll);                                                                              \
    each(multi_remove_handle);                                                                     \
    each(multi_cleanup);                                                                           \
    each(slist_append);                                                                            \
    each(slist_free_all);                                                                          \
    each(url);                                                                                     \
    each(url_set);                                                                                 \
    each(url_get);                                                                                 \
    each(url_cleanup);                                                                             \
    each(free)

#define LIBCURL_MEMBER(name) __typeof__(&curl_##name) name
struct libcurl {
    LIBCURL_FUNCTIONS(LIBCURL_MEMBER);
};
#undef LIBCURL_MEMBER

/* Before the process gives up the right to read files. False: it is not there, or another one; the
 * log has it. */
bool libcurl_load(struct libcurl *libcurl);

#endif
