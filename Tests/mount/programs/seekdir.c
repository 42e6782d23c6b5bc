/* Reads a directory with telldir at every entry, then seeks to every position in a scrambled order and checks
 * that the entry after it is the one that came there first. Prints the number of entries. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct place { long position; char *name; };

int main(int count, char **arguments) {
    if (count != 2) return 2;
    DIR *directory = opendir(arguments[1]);
    if (!directory) { perror("opendir"); return 1; }
    size_t room = 1 << 20, used = 0;
    struct place *places = malloc(room * sizeof *places);
    if (!places) return 1;
    for (;;) {
        long position = telldir(directory);
        struct dirent *entry = readdir(directory);
        if (!entry) break;
        if (used == room) { fprintf(stderr, "too many entries\n"); return 1; }
        places[used].position = position;
        places[used].name = strdup(entry->d_name);
        used++;
    }
    size_t step = 7919 % (used ? used : 1), at = 0;
    for (size_t index = 0; index < used && index < 5000; index++) {
        at = (at + step + 1) % used;
        seekdir(directory, places[at].position);
        for (size_t next = at; next < used && next < at + 3; next++) {
            struct dirent *entry = readdir(directory);
            if (!entry || strcmp(entry->d_name, places[next].name) != 0) {
                fprintf(stderr, "after seekdir to entry %zu: %s, not %s\n", next,
                        entry ? entry->d_name : "(end)", places[next].name);
                return 1;
            }
        }
    }
    rewinddir(directory);
    size_t again = 0;
    while (readdir(directory)) again++;
    if (again != used) { fprintf(stderr, "%zu entries after rewinddir, not %zu\n", again, used); return 1; }
    closedir(directory);
    printf("%zu\n", used);
    return 0;
}
