/*
 * The least that a program can do: only the file-system calls, nothing kept, nothing printed.
 *
 *     floor nothing                  starts and ends
 *     floor lstat LIST               looks at each file
 *     floor append LIST TO           reads each file and appends it to one
 *     floor copy LIST TO             reads each file and writes a new one of its name into the folder TO
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

static void copy(const char *path, int folder) {
    const char *name = strrchr(path, '/') + 1;
    int to = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (to < 0)
        fail(name);
    append(path, to);
    if (close(to))
        fail(name);
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "nothing"))
        return 0;
    int appends = argc == 4 && !strcmp(argv[1], "append");
    int copies = argc == 4 && !strcmp(argv[1], "copy");
    if (!appends && !copies && !(argc == 3 && !strcmp(argv[1], "lstat"))) {
        fprintf(stderr, "usage: floor nothing | lstat LIST | append LIST TO | copy LIST TO\n");
        return 2;
    }
    FILE *list = fopen(argv[2], "r");
    if (!list)
        fail(argv[2]);
    int to = appends ? open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;
    if (copies)
        to = open(argv[3], O_RDONLY | O_DIRECTORY);
    if ((appends || copies) && to < 0)
        fail(argv[3]);
    static char path[4096];
    while (fgets(path, sizeof path, list)) {
        path[strcspn(path, "\n")] = 0;
        if (appends)
            append(path, to);
        else if (copies)
            copy(path, to);
        else
            look(path);
    }
    if (appends && (fsync(to) || close(to)))
        fail(argv[3]);
    return 0;
}
