/*
 * Stands in for Rscript where ten thousand scripts only have to have run: starting a real interpreter for
 * each takes R an hour and Python ten minutes. It does what those scripts say, without reading them: it writes
 * `<name of the script>.txt` into the output folder.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "--version"))
        return puts("Rscript (R) version 4.0.0 (stand-in)") < 0;
    const char *folder = getenv("OUTPUT_PIPELINE_DIR");
    if (argc < 2 || !folder)
        return 2;
    const char *slash = strrchr(argv[argc - 1], '/');
    const char *script = slash ? slash + 1 : argv[argc - 1];
    char path[4096];
    snprintf(path, sizeof path, "%s/%.*s.txt", folder, (int)strcspn(script, "."), script);
    FILE *file = fopen(path, "w");
    if (!file)
        return 1;
    fprintf(file, "%s\n", script);
    return fclose(file) != 0;
}
