/* SPDX-License-Identifier: Apache-2.0 */
/* Bare libmodbus, as fast as it goes: a thread a port, one connection each, units 1..N one after
 * another, nothing stored, nothing published. The yardstick of the gateway benchmark.
 *   bench-modbus UNITS REGISTERS SECONDS PORT...
 * Prints one line: polls=N seconds=S cpu=S errors=N */
#include <modbus.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define PORTS_MAX 64

struct worker {
    pthread_t thread;
    int port, units, registers;
    double seconds;
    uint64_t polls, errors;
};

static double now_s(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    uint16_t values[MODBUS_MAX_READ_REGISTERS];
    modbus_t *modbus = modbus_new_tcp("127.0.0.1", worker->port);
    if (modbus == NULL || modbus_connect(modbus) != 0) {
        worker->errors++;
        modbus_free(modbus);
        return NULL;
    }
    double end = now_s() + worker->seconds;
    for (int unit = 1; now_s() < end; unit = unit % worker->units + 1) {
        (void)modbus_set_slave(modbus, unit);
        if (modbus_read_registers(modbus, 0, worker->registers, values) == worker->registers)
            worker->polls++;
        else
            worker->errors++;
    }
    modbus_close(modbus);
    modbus_free(modbus);
    return NULL;
}

static double cpu_s(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

int main(int argc, char **argv)
{
    static struct worker workers[PORTS_MAX];
    int count = argc - 4;
    if (count < 1 || count > PORTS_MAX) {
        (void)fprintf(stderr, "usage: bench-modbus UNITS REGISTERS SECONDS PORT...\n");
        return 64;
    }
    double start = now_s();
    for (int i = 0; i < count; i++) {
        workers[i].units = (int)strtol(argv[1], NULL, 10);
        workers[i].registers = (int)strtol(argv[2], NULL, 10);
        workers[i].seconds = strtod(argv[3], NULL);
        workers[i].port = (int)strtol(argv[4 + i], NULL, 10);
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            return 1;
    }
    uint64_t polls = 0, errors = 0;
    for (int i = 0; i < count; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        polls += workers[i].polls;
        errors += workers[i].errors;
    }
    (void)printf("polls=%llu seconds=%.6f cpu=%.6f errors=%llu\n", (unsigned long long)polls,
                 now_s() - start, cpu_s(), (unsigned long long)errors);
    return 0;
}
