/*
 * A camera that publishes 1080p RGB frames, 60 each second, to three processes that compute on them where they lie. Prints
 * the CPU time that this cost, with each of the libraries that are named: here libzmq's, and ringmq's beside it.
 *
 *     cc -O2 -Iinclude examples/c/frames.c -o target/frames target/release/libzmq.so
 *     target/frames 5 libzmq.so.5 target/release/libzmq.so
 *
 * The program starts itself once for each library, with LD_PRELOAD. With ringmq's there is a second run, with
 * RINGMQ_IN_PLACE=1: viewers read the memory that the camera wrote. Without libraries (target/frames 5) there is one run,
 * with the library that the loader finds and the environment as it is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { WIDTH = 1920, HEIGHT = 1080, FRAME = WIDTH * HEIGHT * 3, RATE = 60, VIEWERS = 3, STEP = 64 };

/* How long a viewer waits for a frame, and the camera for a viewer, in milliseconds. */
enum { PATIENCE = 10000 };

/* The status of a run in place with a library that has no such thing. */
enum { NOT_IN_PLACE = 77 };

static void fail (const char *what, const char *why)
{
    fprintf (stderr, "%s: %s\n", what, why);
    exit (1);
}

static void fail_zmq (const char *what)
{
    fail (what, zmq_strerror (zmq_errno ()));
}

/* Milliseconds of CPU time. */
static double cpu_ms (const struct rusage *used)
{
    return (used->ru_utime.tv_sec + used->ru_stime.tv_sec) * 1e3 + (used->ru_utime.tv_usec + used->ru_stime.tv_usec) / 1e3;
}

/* Receives frames until an empty one comes, and computes the sum of every 64th byte of each. */
static void view (const char *endpoint, int number, long sent)
{
    void *context = zmq_ctx_new (), *sub = zmq_socket (context, ZMQ_SUB);
    int patience = PATIENCE;
    if (zmq_setsockopt (sub, ZMQ_SUBSCRIBE, "", 0) || zmq_setsockopt (sub, ZMQ_RCVTIMEO, &patience, sizeof patience)
        || zmq_connect (sub, endpoint))
        fail_zmq ("connect");
    long frames = 0, wrong = 0;
    for (;;) {
        zmq_msg_t frame;
        zmq_msg_init (&frame);
        if (zmq_msg_recv (&frame, sub, 0) < 0)
            fail_zmq ("receive");
        size_t size = zmq_msg_size (&frame);
        const unsigned char *pixels = zmq_msg_data (&frame);
        unsigned long sum = 0;
        for (size_t at = 0; at < size; at += STEP)
            sum += pixels[at];
        /* The camera fills each frame with one value. */
        wrong += size && (size != FRAME || sum != (unsigned long) pixels[0] * (FRAME / STEP));
        zmq_msg_close (&frame);
        if (size == 0)
            break;
        frames++;
    }
    if (frames != sent || wrong)
        fprintf (stderr, "viewer %d: %ld of %ld frames, %ld of them wrong\n", number, frames, sent, wrong);
    exit (frames != sent || wrong || zmq_close (sub) || zmq_ctx_term (context));
}

/* Streams for some seconds, and prints a row of the table without its end. */
static int stream (double seconds)
{
    long frames = (long) (seconds * RATE);
    char endpoint[64];
    snprintf (endpoint, sizeof endpoint, "ipc://@frames-%d", (int) getpid ());
    for (int number = 0; number < VIEWERS; number++)
        if (fork () == 0)
            view (endpoint, number, frames);
    void *context = zmq_ctx_new (), *pub = zmq_socket (context, ZMQ_XPUB);
    int all = 1, patience = PATIENCE;
    if (zmq_setsockopt (pub, ZMQ_XPUB_VERBOSE, &all, sizeof all)
        || zmq_setsockopt (pub, ZMQ_RCVTIMEO, &patience, sizeof patience) || zmq_bind (pub, endpoint))
        fail_zmq ("bind");
    for (int number = 0; number < VIEWERS; number++) {
        char subscription[8];
        if (zmq_recv (pub, subscription, sizeof subscription, 0) < 0)
            fail_zmq ("wait for viewers");
    }
    struct timespec next;
    clock_gettime (CLOCK_MONOTONIC, &next);
    for (long number = 0; number < frames; number++) {
        zmq_msg_t frame;
        if (zmq_msg_init_size (&frame, FRAME))
            fail_zmq ("make a frame");
        memset (zmq_msg_data (&frame), (int) number, FRAME);
        if (zmq_msg_send (&frame, pub, 0) < 0)
            fail_zmq ("send");
        next.tv_nsec += 1000000000 / RATE;
        if (next.tv_nsec >= 1000000000)
            next.tv_sec++, next.tv_nsec -= 1000000000;
        clock_nanosleep (CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    zmq_send (pub, "", 0, 0);
    int failed = 0, status;
    while (wait (&status) > 0)
        failed |= status;
    failed |= zmq_close (pub) | zmq_ctx_term (context);
    struct rusage camera, viewers;
    getrusage (RUSAGE_SELF, &camera);
    getrusage (RUSAGE_CHILDREN, &viewers);
    int major, minor, patch;
    zmq_version (&major, &minor, &patch);
    const char *in_place = getenv ("RINGMQ_IN_PLACE");
    char library[32];
    if (!zmq_has ("ringmq"))
        snprintf (library, sizeof library, "libzmq %d.%d.%d", major, minor, patch);
    else
        snprintf (library, sizeof library, "ringmq%s", in_place && *in_place == '1' ? " in place" : "");
    printf ("%-20s%10ld%12.0f%12.0f", library, frames, cpu_ms (&camera), cpu_ms (&viewers));
    return failed != 0;
}

/* Runs this program with a library, and ends the row that it prints. Returns the CPU time of all of its processes. */
static double run (const char *seconds, const char *library, const char *in_place, double first)
{
    fflush (stdout);
    pid_t child = fork ();
    if (child == 0) {
        setenv ("LD_PRELOAD", library, 1);
        setenv ("RINGMQ_IN_PLACE", in_place, 1);
        execl ("/proc/self/exe", "frames", seconds, "--row", (char *) NULL);
        _exit (1);
    }
    int status;
    struct rusage used;
    if (child < 0 || wait4 (child, &status, 0, &used) < 0)
        fail (library, "cannot be run");
    if (WIFEXITED (status) && WEXITSTATUS (status) == NOT_IN_PLACE)
        return 0;
    if (status)
        fail (library, "the run failed");
    double total = cpu_ms (&used);
    printf ("%12.0f%11.2f\n", total, total / (first > 0 ? first : total));
    return total;
}

int main (int count, char **arguments)
{
    const char *seconds = count > 1 ? arguments[1] : "5";
    if (count == 3 && !strcmp (arguments[2], "--row")) {
        const char *in_place = getenv ("RINGMQ_IN_PLACE");
        if (in_place && *in_place == '1' && !zmq_has ("ringmq"))
            return NOT_IN_PLACE;
        return stream (atof (seconds));
    }
    for (int at = 2; at < count; at++) {
        /* The loader ignores a library that it cannot preload. */
        void *there = dlopen (arguments[at], RTLD_LAZY | RTLD_LOCAL);
        if (!there || strpbrk (arguments[at], " :"))
            fail (arguments[at], there ? "a path with spaces or colons cannot be preloaded" : dlerror ());
        dlclose (there);
    }
    printf ("%-20s%10s%12s%12s%12s%11s\n", "CPU time in ms", "frames", "camera", "3 viewers", count > 2 ? "together" : "",
            count > 2 ? "x first" : "");
    if (count <= 2) {
        fflush (stdout);
        int failed = stream (atof (seconds));
        printf ("\n");
        return failed;
    }
    double first = 0;
    for (int at = 2; at < count; at++) {
        double total = run (seconds, arguments[at], "0", first);
        if (first == 0)
            first = total;
        run (seconds, arguments[at], "1", first);
    }
    return 0;
}
