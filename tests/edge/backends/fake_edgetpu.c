// A delegate with libedgetpu's two entry points, which does what the macro MODE says. Layout of TfLiteDelegate:
// tensorflow/lite/core/c/common.h.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKS 0
#define NOTHING 1
#define ABORTS 2
#define CRASHES 3
#define HANGS 4

struct Delegate {
    void *data;
    int (*prepare)(void *context, struct Delegate *self);
    void *copy_from, *copy_to, *free_handle;
    int64_t flags;
    void *builder;
    void *reserved[8];
};

static int prepare(void *context, struct Delegate *self) { return 0; }

#ifndef NO_SYMBOL
void *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
    if (MODE == ABORTS) abort();
    if (MODE == CRASHES) *(volatile int *)0 = 1;
    if (MODE == HANGS) sleep(600);
    if (MODE == NOTHING || count != 1 || strcmp(keys[0], "device") != 0) {
        report("Failed to open the device");
        return NULL;
    }
    struct Delegate *made = calloc(1, sizeof *made);
    made->prepare = prepare;
    return made;
}
#endif

void tflite_plugin_destroy_delegate(void *delegate) { free(delegate); }
