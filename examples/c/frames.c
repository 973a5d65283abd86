/*
 * A camera that publishes 1080p RGB frames, 60 each second, to three processes that compute on them where they lie. Prints
 * the CPU time that each process took.
 *
 *     cc -O2 -I include examples/c/frames.c -o frames -lzmq
 *     LD_LIBRARY_PATH=target/release RINGMQ_IN_PLACE=1 ./frames 5      (with libzmq.so.5, a copy of libzmq.so, there)
 *     ./frames 5                                                       (the same with libzmq)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { WIDTH = 1920, HEIGHT = 1080, FRAME = WIDTH * HEIGHT * 3, RATE = 60, VIEWERS = 3, STEP = 64 };

static void fail (const char *what)
{
    fprintf (stderr, "%s: %s\n", what, zmq_strerror (zmq_errno ()));
    exit (1);
}

static double cpu_ms (void)
{
    struct rusage used;
    getrusage (RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3;
}

/* Receives frames until an empty one comes, and computes the mean of every 64th byte of each. */
static void view (const char *endpoint, int number)
{
    void *context = zmq_ctx_new (), *sub = zmq_socket (context, ZMQ_SUB);
    if (zmq_setsockopt (sub, ZMQ_SUBSCRIBE, "", 0) || zmq_connect (sub, endpoint))
        fail ("connect");
    unsigned long frames = 0, wrong = 0;
    for (;;) {
        zmq_msg_t frame;
        zmq_msg_init (&frame);
        if (zmq_msg_recv (&frame, sub, 0) < 0)
            fail ("receive");
        size_t size = zmq_msg_size (&frame);
        const unsigned char *pixels = zmq_msg_data (&frame);
        unsigned long sum = 0;
        for (size_t at = 0; at < size; at += STEP)
            sum += pixels[at];
        /* The camera fills each frame with one value. */
        wrong += size == FRAME && sum != (unsigned long) pixels[0] * (FRAME / STEP);
        zmq_msg_close (&frame);
        if (size == 0)
            break;
        frames++;
    }
    printf ("viewer %d: %lu frames, %lu wrong, %.0f ms of CPU\n", number, frames, wrong, cpu_ms ());
    exit (wrong || zmq_close (sub) || zmq_ctx_term (context));
}

int main (int count, char **arguments)
{
    double seconds = count > 1 ? atof (arguments[1]) : 5;
    char endpoint[64];
    snprintf (endpoint, sizeof endpoint, "ipc://@frames-%d", (int) getpid ());
    for (int number = 0; number < VIEWERS; number++)
        if (fork () == 0)
            view (endpoint, number);
    void *context = zmq_ctx_new (), *pub = zmq_socket (context, ZMQ_XPUB);
    int all = 1;
    if (zmq_setsockopt (pub, ZMQ_XPUB_VERBOSE, &all, sizeof all) || zmq_bind (pub, endpoint))
        fail ("bind");
    for (int number = 0; number < VIEWERS; number++) {
        char subscription[8];
        if (zmq_recv (pub, subscription, sizeof subscription, 0) < 0)
            fail ("wait for viewers");
    }
    struct timespec next;
    clock_gettime (CLOCK_MONOTONIC, &next);
    for (int number = 0; number < seconds * RATE; number++) {
        zmq_msg_t frame;
        if (zmq_msg_init_size (&frame, FRAME))
            fail ("make a frame");
        memset (zmq_msg_data (&frame), number, FRAME);
        if (zmq_msg_send (&frame, pub, 0) < 0)
            fail ("send");
        next.tv_nsec += 1000000000 / RATE;
        if (next.tv_nsec >= 1000000000)
            next.tv_sec++, next.tv_nsec -= 1000000000;
        clock_nanosleep (CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    zmq_send (pub, "", 0, 0);
    int failed = 0, status;
    while (wait (&status) > 0)
        failed |= status;
    printf ("camera: %.0f ms of CPU\n", cpu_ms ());
    return failed || zmq_close (pub) || zmq_ctx_term (context);
}
