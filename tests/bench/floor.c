/*
 * The least that a program can do: only the file-system calls, nothing kept, nothing printed.
 *
 *     floor nothing                  starts and ends
 *     floor lstat LIST               looks at each file
 *     floor append LIST TO           reads each file and appends it to one
 *
 * LIST has a path a line. What kptn does for the same files is compared with these.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char buffer[1 << 18];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void look(const char *path) {
    struct stat seen;
    if (lstat(path, &seen))
        fail(path);
}

static void append(const char *path, int to) {
    int from = open(path, O_RDONLY);
    if (from < 0)
        fail(path);
    ssize_t got;
    while ((got = read(from, buffer, sizeof buffer)) > 0)
        if (write(to, buffer, (size_t)got) != got)
            fail("write");
    if (got < 0)
        fail(path);
    close(from);
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "nothing"))
        return 0;
    int appends = argc == 4 && !strcmp(argv[1], "append");
    if (!appends && !(argc == 3 && !strcmp(argv[1], "lstat"))) {
        fprintf(stderr, "usage: floor nothing | lstat LIST | append LIST TO\n");
        return 2;
    }
    FILE *list = fopen(argv[2], "r");
    if (!list)
        fail(argv[2]);
    int to = appends ? open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;
    if (appends && to < 0)
        fail(argv[3]);
    static char path[4096];
    while (fgets(path, sizeof path, list)) {
        path[strcspn(path, "\n")] = 0;
        if (appends)
            append(path, to);
        else
            look(path);
    }
    if (appends && (fsync(to) || close(to)))
        fail(argv[3]);
    return 0;
}
