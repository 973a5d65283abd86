/* Two processes that speak by ipc, tcp and inproc, for a test that reads what RINGMQ_LOG prints. Prints the peer's pid. */
#include "endpoints.h"

#include <sys/wait.h>
#include <unistd.h>

/* Enough for a connection to have gone over to shared memory. */
enum { ROUNDS = 5000 };

static void ask (const char *endpoint)
{
    void *context = zmq_ctx_new (), *req = made (context, ZMQ_REQ);
    CHECK (zmq_connect (req, endpoint) == 0);
    for (int round = 0; round < ROUNDS; round++) {
        put (req, "question", 0);
        take (req, "answer", 0);
    }
    CHECK (zmq_close (req) == 0 && zmq_ctx_term (context) == 0);
}

static void serve (const char *wild)
{
    int ends[2];
    char endpoint[64] = "";
    CHECK (pipe (ends) == 0);
    pid_t child = fork ();
    CHECK (child != -1);
    if (child == 0) {
        CHECK (read (ends[0], endpoint, sizeof endpoint) == sizeof endpoint);
        ask (endpoint);
        exit (0);
    }
    void *context = zmq_ctx_new (), *rep = made (context, ZMQ_REP), *monitor = made (context, ZMQ_PAIR);
    CHECK (zmq_bind (rep, wild) == 0);
    last_endpoint (rep, endpoint);
    CHECK (zmq_socket_monitor (rep, "inproc://watch", ZMQ_EVENT_DISCONNECTED) == 0);
    CHECK (zmq_connect (monitor, "inproc://watch") == 0);
    printf ("%s %d\n", endpoint, (int) child);
    fflush (stdout);
    CHECK (write (ends[1], endpoint, sizeof endpoint) == sizeof endpoint);
    for (int round = 0; round < ROUNDS; round++) {
        take (rep, "question", 0);
        put (rep, "answer", 0);
    }
    int status;
    CHECK (waitpid (child, &status, 0) == child && status == 0);
    /* The end of the connection has been seen when its event is there. */
    char part[64];
    CHECK (zmq_recv (monitor, part, sizeof part, 0) > 0 && zmq_recv (monitor, part, sizeof part, 0) > 0);
    CHECK (zmq_close (rep) == 0 && zmq_close (monitor) == 0 && zmq_ctx_term (context) == 0);
    CHECK (close (ends[0]) == 0 && close (ends[1]) == 0);
}

int main (int count, char **words)
{
    CHECK (count == 2);
    serve (words[1]);
    return 0;
}
