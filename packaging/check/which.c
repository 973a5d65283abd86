/* Asks a server over ipc, and prints which library has carried the answer. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf (stderr, "%s: %s\n", #condition, zmq_strerror (zmq_errno ())); \
            return 1;                                                          \
        }                                                                      \
    } while (0)

int main (void)
{
    char endpoint[64], answer[8];
    snprintf (endpoint, sizeof endpoint, "ipc://@which-%d", (int) getpid ());
    void *context = zmq_ctx_new ();
    void *server = zmq_socket (context, ZMQ_REP), *client = zmq_socket (context, ZMQ_REQ);
    CHECK (zmq_bind (server, endpoint) == 0);
    CHECK (zmq_connect (client, endpoint) == 0);
    CHECK (zmq_send (client, "hello", 5, 0) == 5);
    CHECK (zmq_recv (server, answer, sizeof answer, 0) == 5);
    CHECK (zmq_send (server, answer, 5, 0) == 5);
    CHECK (zmq_recv (client, answer, sizeof answer, 0) == 5);
    CHECK (memcmp (answer, "hello", 5) == 0);
    CHECK (zmq_close (client) == 0 && zmq_close (server) == 0 && zmq_ctx_term (context) == 0);

    Dl_info found;
    CHECK (dladdr ((void *) zmq_version, &found));
    char *path = realpath (found.dli_fname, NULL);
    puts (path ? path : found.dli_fname);
    free (path);
    return 0;
}
