/* SPDX-License-Identifier: Apache-2.0 */
/* A program's options: getopt_long(), whose own line about a wrong one is in English and does not
 * say what to do, kept silent. */
#ifndef BAIYE_COMMON_OPTIONS_H
#define BAIYE_COMMON_OPTIONS_H

#include <getopt.h>

#define OPTIONS_WHY_SIZE 256

/* As getopt_long(), but ':' where a value is missing. Says nothing. */
int options_next(int argc, char **argv, const char *shorts, const struct option *longs);
/* What is wrong with the option that options_next() has just answered '?' or ':' to, and what to
 * do, in the language of messages. */
void options_why(char **argv, int letter, char why[OPTIONS_WHY_SIZE]);
/* The same on stderr, behind the program's name. */
void options_complain(const char *program, char **argv, int letter);
/* Of a program that takes the name of its configuration and no option: -1: argv[1] is it; else the
 * exit code, and all is said. May open the language of messages. */
int options_file(int argc, char **argv, const char *usage);

#endif
