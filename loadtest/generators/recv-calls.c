/* Calls recv on an empty socket for argv[1] seconds, and prints how many nanoseconds of CPU time one took. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 100000

static char buffer[65536];

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

static void call_batch(int fd) {
  for (int i = 0; i < BATCH; i++)
    if (recv(fd, buffer, sizeof buffer, 0) != -1 || errno != EAGAIN) exit(1);
}

int main(int argc, char **argv) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  double until = seconds(CLOCK_MONOTONIC) + (argc > 1 ? atof(argv[1]) : 1);
  double before = seconds(CLOCK_PROCESS_CPUTIME_ID);
  double calls = 0;
  for (; seconds(CLOCK_MONOTONIC) < until; calls += BATCH) call_batch(fd);
  printf("%f\n", (seconds(CLOCK_PROCESS_CPUTIME_ID) - before) * 1e9 / calls);
  return 0;
}
