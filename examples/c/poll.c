/*
 * Round trips between two processes that receive without waiting, and wait with zmq_poll.
 *
 *     cc -O2 -I include examples/c/poll.c -o poll -lzmq
 *     LD_LIBRARY_PATH=target/release ./poll ipc://@ringmq-poll 100000     (with libzmq.so.5, a copy of libzmq.so, there)
 *
 * A third argument: each process on a CPU of its own, both on one ("same"), or as the system has it ("any").
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { SIZE = 64, WARM_UP = 1000 };

static double microseconds (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static void stay_on (int cpu)
{
    cpu_set_t set;
    CPU_ZERO (&set);
    CPU_SET (cpu, &set);
    if (sched_setaffinity (0, sizeof set, &set) != 0)
        perror ("sched_setaffinity");
}

static void check (int result)
{
    if (result < 0) {
        fprintf (stderr, "%s\n", zmq_strerror (zmq_errno ()));
        exit (1);
    }
}

static void receive (void *socket, char *text)
{
    zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
    while (zmq_recv (socket, text, SIZE, ZMQ_DONTWAIT) < 0) {
        check (zmq_errno () == EAGAIN ? 0 : -1);
        check (zmq_poll (&item, 1, -1));
    }
}

static int ascending (const void *left, const void *right)
{
    double a = *(const double *) left, b = *(const double *) right;
    return (a > b) - (a < b);
}

static void answer (const char *endpoint, int rounds)
{
    void *context = zmq_ctx_new (), *socket = zmq_socket (context, ZMQ_REP);
    check (zmq_bind (socket, endpoint));
    char text[SIZE];
    for (int round = 0; round < rounds + WARM_UP; round++) {
        receive (socket, text);
        check (zmq_send (socket, text, SIZE, 0));
    }
    zmq_close (socket);
    zmq_ctx_term (context);
}

static void ask (const char *endpoint, int rounds)
{
    void *context = zmq_ctx_new (), *socket = zmq_socket (context, ZMQ_REQ);
    check (zmq_connect (socket, endpoint));
    double *times = calloc (rounds, sizeof *times);
    char text[SIZE] = "";
    for (int round = -WARM_UP; times && round < rounds; round++) {
        double start = microseconds ();
        check (zmq_send (socket, text, SIZE, 0));
        receive (socket, text);
        if (round >= 0)
            times[round] = microseconds () - start;
    }
    zmq_close (socket);
    zmq_ctx_term (context);
    if (times) {
        qsort (times, rounds, sizeof *times, ascending);
        printf ("median %.2f us, 99 %% %.2f us\n", times[rounds / 2], times[(size_t) rounds * 99 / 100]);
        free (times);
    }
}

int main (int count, char **words)
{
    if (count < 3 || atoi (words[2]) < 1) {
        fprintf (stderr, "usage: poll ENDPOINT ROUNDS [any|same]\n");
        return 2;
    }
    const char *where = count > 3 ? words[3] : "";
    pid_t child = fork ();
    if (strcmp (where, "any") != 0)
        stay_on (child == 0 && strcmp (where, "same") != 0);
    if (child == 0) {
        answer (words[1], atoi (words[2]));
        return 0;
    }
    ask (words[1], atoi (words[2]));
    return waitpid (child, NULL, 0) == child ? 0 : 1;
}
