// The few functions of libcuda and libnvinfer that edge/backends/gpu.py asks, for an Orin that may refuse.
#include <stdio.h>

int cuInit(unsigned flags) { return STATUS; }
int cuDriverGetVersion(int *version) { *version = 12060; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = 40 + ordinal; return 0; }
int cuDeviceGetName(char *name, int length, int device) { snprintf(name, length, device == 40 ? "Orin" : "?"); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { *value = attribute - (attribute == 75 ? 67 : 69); return 0; }
#if STATUS == 0
int getInferLibVersion(void) { return 100300; }
#endif
