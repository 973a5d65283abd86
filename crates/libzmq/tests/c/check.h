/* What the programs here share: a check that says where it failed. */
#ifndef CHECK_H
#define CHECK_H

#include <zmq.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(holds)                                                                                                   \
    do {                                                                                                               \
        if (!(holds)) {                                                                                                \
            fprintf (stderr, "%s:%d: %s; errno %d, %s\n", __FILE__, __LINE__, #holds, errno, zmq_strerror (errno));    \
            exit (1);                                                                                                  \
        }                                                                                                              \
    } while (0)

/* A call that fails with this error. */
#define REFUSED(call, number) CHECK ((errno = 0, (call) == -1) && errno == (number))

static inline void *made (void *context, int type)
{
    void *socket = zmq_socket (context, type);
    CHECK (socket);
    return socket;
}

/* Returns true if this process maps memory with this name. */
static inline int maps (const char *name)
{
    char line[512];
    int found = 0;
    FILE *all = fopen ("/proc/self/maps", "r");
    CHECK (all);
    while (fgets (line, sizeof line, all))
        found |= strstr (line, name) != NULL;
    fclose (all);
    return found;
}

static inline void set (void *socket, int option, int value)
{
    CHECK (zmq_setsockopt (socket, option, &value, sizeof value) == 0);
}

static inline int get (void *socket, int option)
{
    int value = 0;
    size_t size = sizeof value;
    CHECK (zmq_getsockopt (socket, option, &value, &size) == 0 && size == sizeof value);
    return value;
}

static inline void put (void *socket, const char *text, int flags)
{
    CHECK (zmq_send (socket, text, strlen (text), flags) == (int) strlen (text));
}

/* Receives a part, and expects this text, and that others follow or not. */
static inline void take (void *socket, const char *text, int more)
{
    char part[64];
    int size = zmq_recv (socket, part, sizeof part, 0);
    CHECK (size == (int) strlen (text) && memcmp (part, text, size) == 0);
    CHECK (get (socket, ZMQ_RCVMORE) == more);
}

#endif
