// The first process of every pod: it holds the pod's namespaces open, reaps the pod's orphans and
// leaves at SIGTERM or SIGINT.
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

int main(void) {
  sigset_t awaited;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGTERM);
  sigaddset(&awaited, SIGINT);
  sigaddset(&awaited, SIGCHLD);
  // The kernel drops signals that PID 1 neither handles nor blocks, so these are blocked first.
  if (sigprocmask(SIG_BLOCK, &awaited, NULL) != 0) return 1;
  for (;;) {
    int received;
    if (sigwait(&awaited, &received) != 0) return 1;
    if (received != SIGCHLD) return 0;
    // One pending SIGCHLD can stand for several children.
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
  }
}
