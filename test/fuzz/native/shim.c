// What @jazzer.js/fuzzer's prebuilt addon takes from glibc 2.38 and libstdc++ 13, for older ones (see native.ts).

#include <stdlib.h>

long __isoc23_strtol(const char *text, char **end, int base) { return strtol(text, end, base); }
unsigned long __isoc23_strtoul(const char *text, char **end, int base) { return strtoul(text, end, base); }
/* Makes sure that the standard streams are set up: older libraries do it in every object. */
void _ZSt21ios_base_library_initv(void) {}
