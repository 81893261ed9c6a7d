/*
 * measure REPORT COMMAND...: runs a command and writes what it cost to the file REPORT, as one line
 *
 *     <CPU microseconds> <peak resident KiB> <wall microseconds> <exit code>
 *
 * CPU is user and system time of the command and of every process below it; the peak is that of the
 * largest single process. Processes whose parent left before them are waited for too (on Linux), so
 * that nothing gets its work done for free. It is C, and small, because a process starts with the
 * peak of the one that forked it: under Python nothing could measure less than Python.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

static long long microseconds(struct timeval time) {
    return time.tv_sec * 1000000LL + time.tv_usec;
}

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: measure REPORT COMMAND...\n");
        return 2;
    }
#ifdef __linux__
    prctl(PR_SET_CHILD_SUBREAPER, 1);
#endif
    long long begun = now();
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        return 2;
    }
    if (child == 0) {
        // Some peers ask for the terminal, and are stopped where the bench runs in the background.
        setsid();
#ifdef __linux__
        prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    int code = 127;
    for (;;) {
        int status;
        pid_t ended = wait(&status);
        if (ended < 0 && errno == ECHILD)
            break;
        if (ended == child)
            code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    long peak = usage.ru_maxrss;
#ifdef __APPLE__
    peak /= 1024;
#endif
    FILE *report = fopen(argv[1], "w");
    if (!report) {
        perror(argv[1]);
        return 2;
    }
    fprintf(report, "%lld %ld %lld %d\n", microseconds(usage.ru_utime) + microseconds(usage.ru_stime), peak,
            now() - begun, code);
    return fclose(report) ? 2 : 0;
}
