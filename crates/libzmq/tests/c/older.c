/* A peer that speaks ZMTP 2.0 is received from, if the environment asks for it. libzmq needs no request. */
#include "endpoints.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* A PUSH of libzmq 3.2, which sends one message. Returns whether its connection lasts. */
static int push (const char *endpoint)
{
    static const char said[] = "\377\0\0\0\0\0\0\0\1\177\1\10\0\0\0\5hello";
    struct sockaddr_in address = {.sin_family = AF_INET};
    unsigned port;
    char heard[14];
    int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK (sscanf (endpoint, "tcp://127.0.0.1:%u", &port) == 1);
    address.sin_port = htons ((uint16_t) port);
    address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    CHECK (fd >= 0 && connect (fd, (struct sockaddr *) &address, sizeof address) == 0);
    CHECK (send (fd, said, sizeof said - 1, MSG_NOSIGNAL) == sizeof said - 1);
    ssize_t size = recv (fd, heard, sizeof heard, MSG_WAITALL);
    close (fd);
    return size == sizeof heard;
}

static void pull (int accepted)
{
    void *context = zmq_ctx_new ();
    void *pull = made (context, ZMQ_PULL);
    char bound[64];
    CHECK (zmq_bind (pull, "tcp://127.0.0.1:*") == 0);
    last_endpoint (pull, bound);
    CHECK (push (bound) == accepted);
    if (accepted)
        take (pull, "hello", 0);
    CHECK (zmq_close (pull) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    unsetenv ("RINGMQ_ZMTP");
    pull (!zmq_has ("ringmq"));
    CHECK (setenv ("RINGMQ_ZMTP", "2", 1) == 0);
    pull (1);
    CHECK (setenv ("RINGMQ_ZMTP", "3", 1) == 0);
    pull (!zmq_has ("ringmq"));
    return 0;
}
