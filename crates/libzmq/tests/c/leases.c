/* Threads that are cancelled, or whose process forks, while they wait for messages of a stream. Others go on. */
#include "threads.h"

#include <sys/wait.h>

static void *context;

/* Waits for messages, and looks for its cancellation in between. */
static void *waits (void *socket)
{
    char part[16];
    for (;;) {
        (void) zmq_recv (socket, part, sizeof part, 0);
        pthread_testcancel ();
    }
    return NULL;
}

static void ask (void *req, void *rep, int times)
{
    for (int time = 0; time < times; time++) {
        put (req, "request", 0);
        take (rep, "request", 0);
        put (rep, "reply", 0);
        take (req, "reply", 0);
    }
}

static void pair (const char *where, void **req, void **rep)
{
    char endpoint[64];
    *rep = made (context, ZMQ_REP);
    *req = made (context, ZMQ_REQ);
    set (*rep, ZMQ_RCVTIMEO, 20000);
    set (*req, ZMQ_RCVTIMEO, 20000);
    CHECK (zmq_bind (*rep, where) == 0);
    last_endpoint (*rep, endpoint);
    CHECK (zmq_connect (*req, endpoint) == 0);
}

int main (void)
{
    const char *endpoints[] = {"tcp://127.0.0.1:*", "ipc://*"};
    for (int number = 0; number < 2; number++) {
        char endpoint[64];
        void *req, *rep;
        pthread_t thread;
        context = zmq_ctx_new ();
        CHECK (context);
        pair (endpoints[number], &req, &rep);
        void *pull = made (context, ZMQ_PULL), *push = made (context, ZMQ_PUSH);
        CHECK (zmq_bind (pull, endpoints[number]) == 0);
        last_endpoint (pull, endpoint);
        set (pull, ZMQ_RCVTIMEO, 20);
        CHECK (zmq_connect (push, endpoint) == 0);
        CHECK (pthread_create (&thread, NULL, waits, pull) == 0);
        ask (req, rep, 200);
        for (int child = 0; child < 5; child++) {
            pid_t pid = fork ();
            CHECK (pid >= 0);
            if (pid == 0)
                _exit (0);
            int status;
            CHECK (waitpid (pid, &status, 0) == pid && status == 0);
            put (push, "one more", 0);
            ask (req, rep, 20);
        }
        CHECK (pthread_cancel (thread) == 0 && pthread_join (thread, NULL) == 0);
        ask (req, rep, 200);
        CHECK (zmq_close (req) == 0 && zmq_close (rep) == 0 && zmq_close (push) == 0 && zmq_close (pull) == 0);
        CHECK (zmq_ctx_term (context) == 0);
    }
    return 0;
}
