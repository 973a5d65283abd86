/* Threads that are known to sleep. */
#ifndef THREADS_H
#define THREADS_H

#include "endpoints.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A thread that runs a function, and the kernel's number of it as soon as it has announced that it is about to sleep. */
struct thread {
    pthread_t handle;
    void (*run) (struct thread *);
    void *socket;
    void *other;
    atomic_int number;
    atomic_llong used;
    int count;
};

static void *begun (void *thread)
{
    ((struct thread *) thread)->run (thread);
    return NULL;
}

static inline void begin (struct thread *thread, void (*run) (struct thread *), void *socket)
{
    thread->run = run;
    thread->socket = socket;
    atomic_store (&thread->number, 0);
    CHECK (pthread_create (&thread->handle, NULL, begun, thread) == 0);
}

static inline void end (struct thread *thread)
{
    CHECK (pthread_join (thread->handle, NULL) == 0);
}

/* Nanoseconds of the CPU that a thread has used. */
static inline long long used_by (pthread_t handle)
{
    clockid_t clock;
    struct timespec used;
    CHECK (pthread_getcpuclockid (handle, &clock) == 0 && clock_gettime (clock, &used) == 0);
    return used.tv_sec * 1000000000LL + used.tv_nsec;
}

/* The thread itself says so: the next call that it makes sleeps. */
static inline void about_to_sleep (struct thread *thread)
{
    atomic_store (&thread->used, used_by (pthread_self ()));
    atomic_store (&thread->number, (int) syscall (SYS_gettid));
}

static inline int sleeps (int number)
{
    char path[64], line[256];
    snprintf (path, sizeof path, "/proc/self/task/%d/stat", number);
    FILE *file = fopen (path, "r");
    CHECK (file);
    CHECK (fgets (line, sizeof line, file));
    fclose (file);
    char *state = strrchr (line, ')');
    CHECK (state);
    return state[2] == 'S';
}

/* Waits until the thread sleeps in the call that it was about to make; or has spun there for a while. */
static inline void await_sleep (struct thread *thread)
{
    const char *wait = getenv ("RINGMQ_WAIT");
    int spins = wait && strcmp (wait, "spin") == 0;
    int number;
    while ((number = atomic_load (&thread->number)) == 0)
        sched_yield ();
    while (!sleeps (number) && !(spins && used_by (thread->handle) > atomic_load (&thread->used) + 3000000))
        sched_yield ();
}

#endif
