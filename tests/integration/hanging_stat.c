// Loaded before the C library, this makes stat(2) of one file hang while another file exists, as a network file
// system does whose server is gone. HANGING_FILE names the first, its name and ".hangs" the second; ".reached" is
// made when somebody hangs.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int stat(const char* restrict path, struct stat* restrict status) {
  const char* const hanging = getenv("HANGING_FILE");
  if (hanging != NULL && strcmp(path, hanging) == 0) {
    char marker[4096];
    snprintf(marker, sizeof marker, "%s.hangs", hanging);
    if (access(marker, F_OK) == 0) {
      snprintf(marker, sizeof marker, "%s.reached", hanging);
      close(open(marker, O_CREAT | O_WRONLY, 0600));
      for (;;) pause();
    }
  }
  int (*real)(const char*, struct stat*) = (int (*)(const char*, struct stat*))dlsym(RTLD_NEXT, "stat");
  return real(path, status);
}
